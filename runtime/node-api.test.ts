/** A real node with its API: HTTPS, WebSockets over TLS, a target file that changes. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import type { NatsConnection } from "@nats-io/nats-core";
import Type from "typebox";
import { type RunningProgram, startUmec, umec } from "./cli/test-program.ts";
import { silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { type RunningNode, startNode } from "./node.ts";
import { type Driver, defineDriver } from "./plugin/contract.ts";
import type { NodeStatus } from "./status.ts";
import { appInstanceId } from "./target/resolve-api.ts";
import { connectApp, trust } from "./test-app-bus.ts";
import { createScratch } from "./test-scratch.ts";
import { untilStatus } from "./test-until.ts";

const scratch = createScratch();
let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

const secrets = { board: "secret-of-the-board", spy: "secret-of-the-spy" };
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Counts up in one device with two points, and has a lamp. */
function lampDriver(set: (value: unknown, by: string) => void): Driver {
  return defineDriver({
    manifest: {
      name: "lamp",
      version: "1.0.0",
      kind: "low",
      summary: "A lamp that counts.",
      options: Type.Object({}),
      points: () => [
        { name: "hall/count", unit: "1" },
        { name: "hall/other" },
        {
          name: "hall/level",
          unit: "%",
          access: "read-write",
          schema: Type.Number({ minimum: 0, maximum: 100 }),
        },
      ],
      needs: () => ({}),
    },
    async run(_options, host, signal) {
      let count = 0;
      host.onCommand("hall/level", async ({ value, by }) => {
        set(value, by);
        await host.emit([{ name: "hall/level", value: value as number, unit: "%" }]);
        return value;
      });
      host.scheduler.every(20, () =>
        host.emit([
          { name: "hall/count", value: count++, unit: "1" },
          { name: "hall/other", value: "not for everybody" },
        ]),
      );
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  }) as Driver;
}

interface Apps {
  [name: string]: string;
}

function yaml({ api = "api: { port: 0, bus: { port: 0 } }", apps }: { api?: string; apps: Apps }): string {
  const lines = Object.entries(apps).map(([name, rest]) => `  ${name}: { ${rest} }`);
  return [`node: n1`, `plugins: { lamp: { driver: lamp, options: {} } }`, api, "apps:", ...lines, ""].join(
    "\n",
  );
}

const own = (name: keyof typeof secrets): string => `secretSha256: ${sha256(secrets[name])}`;
const board = `${own("board")}, read: [lamp/hall/count, lamp/hall/level], write: [lamp/hall/level]`;

interface Rig {
  node: RunningNode;
  dir: string;
  commands: [unknown, string][];
  write(text: string): Promise<void>;
  until(fits: (status: NodeStatus) => boolean): Promise<NodeStatus>;
}

async function start(t: TestContext, text: string): Promise<Rig> {
  const dir = await scratch();
  const path = join(dir, "node.yaml");
  const commands: [unknown, string][] = [];
  const driver = lampDriver((value, by) => commands.push([value, by]));
  const write = async (changed: string): Promise<void> => {
    await writeFile(`${path}.new`, changed);
    await rename(`${path}.new`, path);
  };
  await write(text);
  const signal = new AbortController().signal;
  const drivers = { names: () => ["lamp"], load: async () => driver };
  const node = await startNode({ path, natsServerPath, log: silentLog, signal, drivers });
  t.after(() => node.stop());
  const until = (fits: (status: NodeStatus) => boolean): Promise<NodeStatus> => untilStatus(node, fits);
  return { node, dir, commands, write, until };
}

async function opened(rig: Rig): Promise<NonNullable<NodeStatus["api"]>> {
  const { api } = await rig.until(({ api, target }) => api !== undefined && target.state === "reached");
  trust(await readFile(join(rig.dir, "data", "api", "tls-cert.pem"), "utf8"));
  return api!;
}

async function tokenOf(url: string, app: keyof typeof secrets): Promise<Record<string, string>> {
  const answer = await fetch(`${url}/oauth2/v1/token`, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`${app}:${secrets[app]}`).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  const { access_token } = (await answer.json()) as { access_token: string };
  return { authorization: `Bearer ${access_token}` };
}

async function busOf(t: TestContext, url: string, app: keyof typeof secrets): Promise<NatsConnection> {
  const headers = { ...(await tokenOf(url, app)), "content-type": "application/json" };
  const answer = await fetch(`${url}/umec_apps/v1/applications/${appInstanceId("n1", app)}/bus_credentials`, {
    method: "POST",
    headers,
    body: "{}",
  });
  assert.equal(answer.status, 201, await answer.clone().text());
  const { urls, creds } = (await answer.json()) as { urls: string[]; creds: string };
  const connection = await connectApp(urls[0]!, app, creds);
  t.after(() => connection.close());
  return connection;
}

test("an application reads and observes over HTTPS, hears and commands on the bus, and is cut off", async (t) => {
  const rig = await start(t, yaml({ apps: { board, spy: `${own("spy")}, read: [lamp/hall/other]` } }));
  const { url } = await opened(rig);
  const headers = await tokenOf(url, "board");

  await t.test("its thing has the points that it may read, and their units", async () => {
    const things = (await (await fetch(`${url}/things`, { headers })).json()) as {
      properties: Record<string, { unit?: string }>;
    }[];
    assert.equal(things.length, 1);
    const names = Object.keys(things[0]!.properties);
    assert.equal(names.length, 2, names.join());
    assert.ok(!names.some((name) => name.includes("other")));
  });
  await t.test("its properties", async () => {
    const answer = await fetch(`${url}/things/lamp/properties`, { headers });
    assert.equal(answer.status, 200);
    const text = await answer.text();
    assert.match(text, /count/);
    assert.doesNotMatch(text, /other/);
  });
  await t.test("a point that it may not read is refused", async () => {
    const { status } = await fetch(`${url}/things/lamp/properties/hall.other`, { headers });
    assert.equal(status, 403);
  });

  const bus = await busOf(t, url, "board");
  await t.test("on the bus it hears that point and no other of the device", async () => {
    const heard = bus.subscribe("umec.n1.lamp.telemetry.hall.count", { max: 3 });
    const values: number[] = [];
    for await (const message of heard) {
      const pack = message.json<{ n: string; v: number; u: string; t: number }[]>();
      assert.deepEqual([pack.length, pack[0]!.n, pack[0]!.u], [1, "n1/lamp/hall/count", "1"]);
      assert.ok(Math.abs(pack[0]!.t * 1000 - Date.now()) < 10_000);
      values.push(pack[0]!.v);
    }
    assert.deepEqual(values, [values[0], values[0]! + 1, values[0]! + 2]);
  });
  await t.test("its command reaches the driver, by its name, and the driver's own checks hold", async () => {
    const answer = await bus.request("umec.n1.lamp.command.hall.level", "40", { timeout: 5000 });
    assert.equal(answer.string(), "40");
    assert.deepEqual(rig.commands.at(-1), [40, "app board"]);
    const refused = await bus.request("umec.n1.lamp.command.hall.level", "400", { timeout: 5000 });
    assert.equal(refused.headers?.get("Umec-Error"), "COMMAND_INVALID");
  });
  await t.test(
    "an answer that it has sent elsewhere can't pass for a reading, nor for a command",
    async () => {
      const heard = bus.subscribe("umec.n1.lamp.telemetry.hall.level", { max: 2 });
      await bus.flush();
      const count = rig.commands.length;
      bus.publish("umec.n1.lamp.command.hall.level", "40", { reply: "umec.n1.lamp.telemetry.hall.level" });
      const bodies: unknown[] = [];
      for await (const message of heard) bodies.push(message.json());
      assert.deepEqual(
        bodies.filter((body) => !Array.isArray(body)),
        [40],
        "beside the reading",
      );
      bus.publish("umec.n1.lamp.command.hall.level", "40", { reply: "umec.n1.lamp.command.hall.level" });
      await bus.request("umec.n1.lamp.command.hall.level", "40", { timeout: 5000 });
      assert.equal(rig.commands.length, count + 3);
    },
  );
  await t.test("what it set can be read back", async () => {
    const answer = await fetch(`${url}/things/lamp/properties/hall.level`, { headers });
    assert.equal(answer.headers.get("umec-quality"), "good");
    assert.equal(await answer.json(), 40);
  });
  await t.test("the status tells", async () => {
    const { api } = await rig.node.status();
    assert.deepEqual([api?.apps, api?.busConnections], [2, 1]);
  });

  const spy = await busOf(t, url, "spy");
  const beganMs = performance.now();
  await rig.write(
    yaml({
      apps: {
        board: `${own("board")}, read: [lamp/hall/level]`,
        spy: `${own("spy")}, read: [lamp/hall/other]`,
      },
    }),
  );
  await bus.closed();
  const tookMs = performance.now() - beganMs;
  await t.test("who lost a right is cut off within seconds, and gets what is left", async () => {
    assert.ok(tookMs < 3000, `${tookMs} ms`);
    const again = await busOf(t, url, "board");
    const heard = again.subscribe("umec.n1.lamp.telemetry.hall.level", { max: 1 });
    await again.flush();
    heard.unsubscribe();
    const names = Object.keys(
      ((await (await fetch(`${url}/things`, { headers })).json()) as { properties: object }[])[0]!.properties,
    );
    assert.equal(names.length, 1);
    const { status } = await fetch(`${url}/things/lamp/actions/hall.level`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: "1",
    });
    assert.equal(status, 403);
  });
  await t.test("the other one stays", async () => {
    await spy.flush();
  });
  await t.test("who is taken out gets no token, and the old one is void", async () => {
    await rig.write(yaml({ apps: { spy: `${own("spy")}, read: [lamp/hall/other]` } }));
    await rig.until(({ api }) => api?.apps === 1);
    assert.equal((await fetch(`${url}/things`, { headers })).status, 401);
    await spy.flush();
  });
  await t.test("another secret cuts off on the bus, too", async () => {
    await rig.write(yaml({ apps: { spy: `secretSha256: ${sha256("another")}, read: [lamp/hall/other]` } }));
    await spy.closed();
  });
});

test("an API that is added opens, and one that is taken out closes", async (t) => {
  const rig = await start(t, yaml({ api: "", apps: { board } }));
  const { api, plugins } = await rig.until(
    ({ target, plugins }) => target.state === "reached" && plugins[0]!.stored > 0,
  );
  assert.equal(api, undefined);
  assert.equal(plugins.length, 1);
  await rig.write(yaml({ apps: { board } }));
  const { url, busUrls } = await opened(rig);
  assert.equal(busUrls.length, 1);
  const { stored } = (await rig.node.status()).plugins[0]!;
  await rig.until(({ plugins }) => plugins[0]!.stored > stored + 5);
  await rig.write(yaml({ api: "", apps: { board } }));
  await rig.until((status) => status.api === undefined && status.target.state === "reached");
  await assert.rejects(fetch(url));
  assert.equal((await rig.node.status()).plugins[0]!.restarts, 0);
});

test("a node without an API loads nothing of it", async () => {
  const dir = await scratch();
  const file = join(dir, "node.yaml");
  await writeFile(file, `node: n1\napps: {}\n`);
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    const { startNode } = await import(${url("node.ts")});
    const { silentLog } = await import(${url("log.ts")});
    const options = ${JSON.stringify({ path: file, natsServerPath })};
    const { signal } = new AbortController();
    const node = await startNode({ ...options, log: silentLog, signal });
    while ((await node.status()).target.state !== "reached") await new Promise(setImmediate);
    await node.stop();
    console.log(JSON.stringify(loaded));
  `;
  await writeFile(join(dir, "run.mjs"), script);
  const args = ["--disable-warning=ExperimentalWarning", join(dir, "run.mjs")];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const loaded = JSON.parse(stdout) as string[];
  assert.ok(loaded.some((name) => name.endsWith("/runtime/node-tap.ts")));
  const parts = /runtime\/(api\/|node-api|node-readings|kernel-clock)|node_modules\/(hono|@hono|jose)\//;
  assert.deepEqual(
    loaded.filter((name) => parts.test(name)).map((name) => name.replace(/.*runtime/, "runtime")),
    ["runtime/api/types.ts"],
    "the words alone",
  );
});

test("what an application said is there after kill -9, and its bus opens again", async (t) => {
  const dir = await scratch();
  const file = join(dir, "node.yaml");
  await writeFile(
    file,
    `node: n1\napi: { port: 0, bus: { port: 0 } }\napps:\n  board: { ${own("board")} }\n`,
  );
  const run = async (): Promise<{ url: string; program: RunningProgram }> => {
    const program = startUmec(["run", file]);
    for (;;) {
      // Asking takes a process each time, which is pause enough.
      const { code, stdout } = await umec(["status", "--json", file]);
      const status = code === 0 ? (JSON.parse(stdout) as NodeStatus) : undefined;
      if (status?.api) {
        trust(await readFile(join(dir, "data", "api", "tls-cert.pem"), "utf8"));
        assert.equal(status.api.busUrls.length, 1);
        return { url: status.api.url, program };
      }
      assert.equal(program.process.exitCode, null);
    }
  };
  const first = await run();
  const services = `/mec_service_mgmt/v1/applications/${appInstanceId("n1", "board")}/services`;
  const headers = { ...(await tokenOf(first.url, "board")), "content-type": "application/json" };
  const body = { serName: "weather", version: "1", state: "ACTIVE", serializer: "JSON", transportId: "rest" };
  const answer = await fetch(first.url + services, { method: "POST", headers, body: JSON.stringify(body) });
  assert.equal(answer.status, 201, await answer.clone().text());
  const { serInstanceId } = (await answer.json()) as { serInstanceId: string };
  first.program.process.kill("SIGKILL");
  await first.program.ended;

  const second = await run();
  t.after(() => second.program[Symbol.asyncDispose]());
  const again = await fetch(`${second.url}${services}/${serInstanceId}`, {
    headers: await tokenOf(second.url, "board"),
  });
  assert.equal(again.status, 200, await again.clone().text());
  assert.equal(((await again.json()) as { serName: string }).serName, "weather");
});
