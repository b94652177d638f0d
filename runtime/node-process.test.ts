/** Plugins outside of the node's process, with a real node, a real nats-server and real processes. */
import assert from "node:assert/strict";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { askNode } from "./cli/control-socket.ts";
import { createReader } from "./hub/reader.ts";
import { startHubServer } from "./hub/server.ts";
import { provisionStream } from "./hub/stream.ts";
import { type Log, silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { controlPath, type RunningNode, startNode } from "./node.ts";
import type { PluginStatus } from "./plugin/status.ts";
import { recordingLog } from "./plugin/testkit.ts";
import type { NodeStatus } from "./status.ts";
import { createScratch } from "./test-scratch.ts";
import { untilStatus } from "./test-until.ts";

const scratch = createScratch();
const example = new URL("../docs/examples/plugin.py", import.meta.url).pathname;
const umec = [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  new URL("./cli/umec.ts", import.meta.url).pathname,
];
let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

interface Setup {
  node: RunningNode;
  dir: string;
  lines: string[];
  plugin(name: string, fits: (status: PluginStatus) => boolean): Promise<PluginStatus>;
}

async function start(t: TestContext, plugins: string, more = "", dir?: string): Promise<Setup> {
  const place = dir ?? (await scratch());
  const path = join(place, "node.yaml");
  await writeFile(path, `node: n1\ndata: ./data\n${more}plugins:\n${plugins}`);
  const lines: string[] = [];
  const log: Log = recordingLog(({ message }) => lines.push(message));
  const node = await startNode({ path, natsServerPath, log, signal: new AbortController().signal, umec });
  t.after(() => node.stop());
  return {
    node,
    dir: place,
    lines,
    async plugin(name, fits) {
      const of = (status: NodeStatus) => status.plugins.find((one) => one.name === name);
      const status = await untilStatus(node, (now) => {
        const plugin = of(now);
        return plugin !== undefined && fits(plugin);
      });
      return of(status)!;
    },
  };
}

const py = (name: string, interval = "0.02") =>
  `  ${name}:\n    exec: [/usr/bin/env, python3, ${JSON.stringify(example)}, "${interval}"]\n`;

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("the example in Python stores samples, takes commands, and its samples reach the hub in order", async (t) => {
  const dir = await scratch();
  const hub = await startHubServer({ dir: join(dir, "hub"), natsServerPath, nodes: ["n1"], log: silentLog });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });
  const link = `link:\n  hub: ${hub.leafUrl}\n  credentials: ${JSON.stringify(hub.credentialsFile("n1"))}\n`;
  const { node, plugin, lines } = await start(t, py("board"), link, dir);
  const status = await plugin("board", ({ stored }) => stored >= 20);
  assert.equal(typeof status.lastValues["board/load"], "number");
  assert.ok(lines.includes("it runs"));

  const set = (value: unknown): Promise<unknown> =>
    askNode(controlPath(join(dir, "data")), "/command", {
      body: { plugin: "board", point: "board/interval", value, ttlMs: 5_000, by: "test" },
    });
  assert.deepEqual(await set(0.03), { seconds: 0.03 });
  await assert.rejects(set("fast"), { code: "BOARD_INTERVAL", message: /fast is no interval/ });
  await plugin("board", ({ stored }) => stored >= 30);
  await node.stop();
  const values: unknown[] = [];
  for await (const sample of createReader(fleet).samples({
    node: "n1",
    plugin: "board",
    name: "board/count",
  }))
    values.push(sample.value);
  assert.ok(values.length >= 15);
  assert.deepEqual(
    values,
    values.map((_, n) => n),
  );
});

test("a program's credentials are in a file of its owner's alone, and in nobody's environment or arguments", async (t) => {
  process.env.UMEC_SECRET_OF_ANOTHER = "s3cret";
  t.after(() => delete process.env.UMEC_SECRET_OF_ANOTHER);
  const { dir, plugin, lines } = await start(
    t,
    `  s:\n    exec: [/bin/sh, -c, "echo ready; exec sleep 1000"]\n`,
  );
  const { process: started } = await plugin("s", () => lines.includes("ready"));
  const file = join(dir, "data", "run", "plugins", "s", "bus.creds");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const [, jwt = "none"] = /JWT-+\s+(\S+)/.exec(await readFile(file, "utf8")) ?? [];
  assert.ok(jwt.length > 100);
  const environment = await readFile(`/proc/${started!.pid}/environ`, "utf8");
  const names = environment.split("\0").map((entry) => entry.split("=")[0]);
  const given = [
    "LANG",
    "PATH",
    "UMEC_BUS_CREDS",
    "UMEC_BUS_URL",
    "UMEC_COMMANDS",
    "UMEC_NODE",
    "UMEC_PLUGIN",
  ];
  const shells = ["", "PWD", "OLDPWD", "SHLVL", "_"];
  assert.deepEqual(names.filter((name) => !shells.includes(name!)).sort(), given);
  assert.ok(!environment.includes(jwt));
  assert.ok(!(await readFile(`/proc/${started!.pid}/cmdline`, "utf8")).includes(jwt));
});

test("killing a program loses no acknowledged sample, disturbs nobody, and it is started again", async (t) => {
  const { node, plugin } = await start(t, py("a") + py("b"));
  const first = await plugin("a", ({ stored }) => stored >= 10);
  const other = await plugin("b", ({ stored }) => stored >= 10);
  process.kill(first.process!.pid, "SIGKILL");
  const failed = await plugin("a", ({ lastError }) => lastError !== undefined);
  assert.equal(failed.lastError?.code, "PROCESS_ENDED");
  const again = await plugin(
    "a",
    ({ stored, restarts, process }) =>
      restarts === 1 && stored > failed.stored && process !== undefined && process.pid !== first.process!.pid,
  );
  const same = await plugin("b", ({ stored }) => stored > other.stored);
  assert.deepEqual([same.restarts, same.process?.pid, same.lastError], [0, other.process?.pid, undefined]);
  const { outbox } = await node.status();
  const chain = outbox.chains.find(({ plugin: name, lane }) => name === "a" && lane === "telemetry");
  assert.ok(chain!.waitingSamples >= again.stored);
});

test("a program that ignores SIGTERM is killed, and the node stops in time", async (t) => {
  const dir = await scratch();
  const path = join(dir, "stubborn.sh");
  await writeFile(path, "#!/bin/sh\ntrap '' TERM\necho stubborn\nwhile :; do sleep 0.05; done\n");
  await chmod(path, 0o755);
  const { node, plugin, lines } = await start(t, `  s:\n    exec: [${JSON.stringify(path)}]\n`, "", dir);
  const { process: started } = await plugin("s", () => lines.includes("stubborn"));
  const startMs = performance.now();
  await node.stop();
  assert.ok(performance.now() - startMs < 5_000);
  assert.ok(!lives(started!.pid));
});

test("a program that is silent for its deadline is started again; what can't be limited here is in the status", async (t) => {
  const { plugin } = await start(
    t,
    `  s:\n    exec: [/bin/sleep, "1000"]\n    deadlineMs: 1000\n    memoryBytes: 64MiB\n    cpuPercent: 50\n`,
  );
  const { lastError, process: started } = await plugin("s", (status) => status.lastError !== undefined);
  assert.equal(lastError?.code, "PLUGIN_SILENT");
  assert.equal(typeof started?.pid, "number");
  assert.ok(Array.isArray(started?.warnings));
});

test("a driver in a process of its own works as in the node's, and its own failures are told", async (t) => {
  const server = await import("node:http").then(({ createServer }) =>
    createServer((_request, response) => response.end(JSON.stringify({ t: 21.5 }))).listen(0, "127.0.0.1"),
  );
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const { node, plugin } = await start(
    t,
    `  web:
    driver: http
    isolate: process
    memoryBytes: 200MiB
    options:
      requests:
        api:
          url: http://127.0.0.1:${port}/
          intervalMs: 1000
          points: { temperature: { pointer: /t, unit: Cel } }
`,
  );
  const status = await plugin("web", ({ stored }) => stored > 0);
  assert.notEqual(status.process?.pid, process.pid);
  process.kill(status.process!.pid, "SIGSTOP");
  process.kill(status.process!.pid, "SIGKILL");
  await plugin("web", ({ restarts, stored }) => restarts === 1 && stored > status.stored);
  await node.stop();
});
