import assert from "node:assert/strict";
import { rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import Type from "typebox";
import { askNode } from "./cli/control-socket.ts";
import { isUmecError } from "./errors.ts";
import { auditNode } from "./hub/audit.ts";
import { startHubServer } from "./hub/server.ts";
import { provisionStream } from "./hub/stream.ts";
import { type Log, silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { controlPath, type RunningNode, startNode } from "./node.ts";
import { type Driver, defineDriver } from "./plugin/contract.ts";
import type { NodeStatus } from "./status.ts";
import type { DriverSource } from "./target/types.ts";
import { createScratch } from "./test-scratch.ts";
import { untilStatus } from "./test-until.ts";

const scratch = createScratch();
let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

/** Counts up, and says when it is started and stopped. */
function countingDriver(events: string[]): Driver {
  return defineDriver({
    manifest: {
      name: "counter",
      version: "1.0.0",
      kind: "low",
      summary: "counts",
      options: Type.Object({ label: Type.String(), everyMs: Type.Integer({ default: 10 }) }),
      points: () => [{ name: "count" }],
      needs: () => ({}),
    },
    async run({ label, everyMs }, host, signal) {
      events.push(`${label} starts`);
      let count = 0;
      host.scheduler.every(everyMs, () => host.emit([{ name: "count", value: count++ }]));
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      events.push(`${label} stops`);
    },
  }) as Driver;
}

interface Setup {
  node: RunningNode;
  events: string[];
  dir: string;
  /** Replaces the file as an editor does. */
  write(text: string): Promise<void>;
  until(fits: (status: NodeStatus) => boolean): Promise<NodeStatus>;
}

async function start(t: TestContext, text: string, log: Log = silentLog): Promise<Setup> {
  const dir = await scratch();
  const path = join(dir, "node.yaml");
  const events: string[] = [];
  const driver = countingDriver(events);
  const drivers: DriverSource = { names: () => ["counter"], load: async () => driver };
  const write = async (changed: string): Promise<void> => {
    await writeFile(`${path}.new`, changed);
    await rename(`${path}.new`, path);
  };
  await write(text);
  const ended = new AbortController();
  const node = await startNode({ path, natsServerPath, log, signal: ended.signal, drivers });
  t.after(() => node.stop());
  return {
    node,
    events,
    dir,
    write,
    until: (fits) => untilStatus(node, fits),
  };
}

const head = "node: n1\n";
const plugin = (name: string, label = name): string =>
  `  ${name}: { driver: counter, options: { label: ${label} } }\n`;

test("plugins are added, changed and removed while the others go on", async (t) => {
  const { events, write, until } = await start(t, `${head}plugins:\n${plugin("a")}`);
  await until(({ plugins }) => (plugins[0]?.stored ?? 0) > 0);
  await write(`${head}plugins:\n${plugin("a")}${plugin("b")}`);
  await until(({ plugins }) => plugins.length === 2 && plugins.every(({ stored }) => stored > 0));
  await write(`${head}plugins:\n${plugin("a")}${plugin("b", "b2")}`);
  await until(() => events.includes("b2 starts"));
  await write(`${head}plugins:\n${plugin("a")}`);
  await until(({ plugins, target }) => plugins.length === 1 && target.state === "reached");
  assert.deepEqual(events, ["a starts", "b starts", "b stops", "b2 starts", "b2 stops"]);
});

test("an invalid file changes nothing, and the status says why", async (t) => {
  const { events, write, until } = await start(t, `${head}plugins:\n${plugin("a")}`);
  await write(`${head}plugins:\n  a: { driver: countre }\n`);
  const { target, plugins } = await until((status) => status.target.state === "invalid");
  assert.match(target.findings[0]?.reason ?? "", /countre|driver/);
  assert.equal(target.findings[0]?.line, 3);
  assert.equal(plugins[0]?.state, "running");
  await write(`${head}plugins:\n${plugin("a")}`);
  await until((status) => status.target.state === "reached" && status.target.findings.length === 0);
  assert.deepEqual(events, ["a starts"]);
});

test("what was emitted before a stop is at the hub, in order, once; the link came up by a change of the file", async (t) => {
  const hubDir = await scratch();
  const hub = await startHubServer({ dir: hubDir, natsServerPath, nodes: ["n1"], log: silentLog });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });
  const { node, write, until } = await start(t, `${head}plugins:\n${plugin("a")}`);
  const off = await until(({ outbox, health }) => outbox.waitingRows > 5 && health?.ok === true);
  assert.equal(off.link.state, "off");
  const link = `link: { hub: "${hub.leafUrl}", credentials: "${hub.credentialsFile("n1")}", reconnectMs: 200 }\n`;
  await write(`${head}${link}plugins:\n${plugin("a")}`);
  await until(({ link, outbox }) => link.state === "up" && outbox.waitingRows === 0);
  assert.equal((await node.status()).health?.ok, true, "the hub has answered");
  const { plugins } = await node.status();
  const began = performance.now();
  await node.stop();
  assert.ok(performance.now() - began < 5_000);
  const { ok, totals } = await auditNode(fleet, { node: "n1" });
  assert.ok(ok, JSON.stringify(totals));
  assert.ok(totals.samples >= (plugins[0]?.stored ?? 0));
});

test("the status is on a socket that only this user can open", async (t) => {
  const { dir } = await start(t, head);
  const path = controlPath(join(dir, "data"));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const status = (await askNode(path, "/status")) as NodeStatus;
  assert.equal(status.node, "n1");
  assert.equal(status.link.state, "off");
});

test("a second node on the same data is refused, and the first goes on", async (t) => {
  const first = await start(t, `${head}plugins:\n${plugin("a")}`);
  const path = join(first.dir, "node.yaml");
  const driver = countingDriver([]);
  const drivers: DriverSource = { names: () => ["counter"], load: async () => driver };
  const { signal } = new AbortController();
  await assert.rejects(startNode({ path, natsServerPath, log: silentLog, signal, drivers }), (error) =>
    isUmecError(error, "OUTBOX_LOCKED"),
  );
  const { stored = 0 } = (await first.node.status()).plugins[0] ?? {};
  await first.until(({ plugins }) => (plugins[0]?.stored ?? 0) > stored);
});
