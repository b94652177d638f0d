import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import Type from "typebox";
import { type HubServer, startHubServer } from "../hub/server.ts";
import { provisionStream } from "../hub/stream.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { type RunningNode, startNode } from "../node.ts";
import { type Driver, defineDriver } from "../plugin/contract.ts";
import { recordingLog } from "../plugin/testkit.ts";
import { createScratch } from "../test-scratch.ts";
import { umec } from "./test-program.ts";

/** A lamp that goes in steps of 10, and a camera. */
const lamp = defineDriver({
  manifest: {
    name: "lamp",
    version: "1.0.0",
    kind: "low",
    summary: "A lamp.",
    options: Type.Object({}),
    points: () => [
      { name: "lamp/level", access: "read-write", schema: Type.Number({ minimum: -10, maximum: 100 }) },
      { name: "lamp/name", access: "write", schema: Type.String() },
      { name: "lamp/reset", access: "write" },
      { name: "lamp/power", unit: "W" },
      { name: "camera/still", access: "write" },
    ],
    needs: () => ({}),
  },
  async run(_options, host, signal) {
    host.onCommand("lamp/level", ({ value }) => 10 * Math.round(Number(value) / 10));
    host.onCommand("lamp/name", ({ value }) => ({ name: value }));
    host.onCommand("lamp/reset", ({ value }) => assert.equal(value, undefined));
    host.onCommand("camera/still", () => new Uint8Array([0xff, 0xd8, 0x0a]));
    if (!signal.aborted) await once(signal, "abort");
  },
}) as unknown as Driver;

const scratch = createScratch();
const lines: string[] = [];
let hub: HubServer;
let node: RunningNode;
let dir: string;
let fromHub: string[];

before(async () => {
  const natsServerPath = (await findNatsServer()).path;
  dir = await scratch();
  hub = await startHubServer({ dir: await scratch(), natsServerPath, nodes: ["n1"], log: silentLog });
  const fleet = await hub.connectFleet();
  await provisionStream(fleet, { log: silentLog });
  await fleet.close();
  const link = { hub: hub.leafUrl, credentials: hub.credentialsFile("n1"), reconnectMs: 200 };
  const path = join(dir, "node.yaml");
  await writeFile(path, JSON.stringify({ node: "n1", link, plugins: { hall: { driver: "lamp" } } }));
  const log = recordingLog(({ message }) => lines.push(message));
  const drivers = { names: () => ["lamp"], load: async () => lamp };
  node = await startNode({ path, natsServerPath, log, signal: new AbortController().signal, drivers });
  for (let state = ""; state !== "up"; ) state = (await node.status()).link.state;
  fromHub = ["--url", hub.clientUrl, "--creds", await hub.fleetCredentialsFile()];
});
after(async () => {
  await node.stop();
  await hub.stop();
});

const set = (...args: string[]) => umec(["set", ...args], { cwd: dir });
const me = `${userInfo().username}@${hostname()}`;

test("a point of this machine's node is set, its reply shown, and the node's log says who asked", async () => {
  const { code, stdout, stderr } = await set("hall/lamp/level", "82");
  assert.deepEqual([code, stdout, stderr], [0, "80\n", ""]);
  assert.ok(
    lines.some((line) => line.startsWith(`command lamp/level = 82 by ${me}: 80 (`)),
    lines.join("\n"),
  );
  const text = await set("--data", join(dir, "data"), "hall/lamp/name", "left one");
  assert.deepEqual([text.code, text.stdout], [0, '{"name":"left one"}\n']);
  const none = await set("hall/lamp/reset");
  assert.deepEqual([none.code, none.stdout, none.stderr], [0, "", ""]);
  assert.equal((await set("hall/lamp/level", "-10")).stdout, "-10\n");
});

test("from the hub the same, with the node in front", async () => {
  const { code, stdout, stderr } = await set(...fromHub, "n1/hall/lamp/level", "41", "--json");
  assert.equal(code, 0, stderr);
  const { ms, ...rest } = JSON.parse(stdout);
  assert.deepEqual(rest, { node: "n1", plugin: "hall", point: "lamp/level", value: 41, reply: 40 });
  assert.ok(ms > 0);
});

test("bytes go to a file, or as they are to whoever reads", async () => {
  const file = join(dir, "still.jpg");
  const { code, stdout } = await set(...fromHub, "n1/hall/camera/still", "--output", file, "--ttl", "5s");
  assert.deepEqual([code, stdout], [0, ""]);
  assert.deepEqual(new Uint8Array(await readFile(file)), new Uint8Array([0xff, 0xd8, 0x0a]));
  const { reply } = JSON.parse((await set("hall/camera/still", "--json")).stdout);
  assert.deepEqual(reply, { bytes: "_9gK" });
});

for (const [what, args, code, error] of [
  [
    "a value that does not fit",
    ["hall/lamp/level", "140"],
    2,
    /^umec: lamp\/level: 140: must be <= 100\nhint: allowed: a number from -10 to 100\n$/,
  ],
  [
    "an unknown point",
    ["hall/lamp/levle", "1"],
    2,
    /nothing takes commands at lamp\/levle\nhint: did you mean lamp\/level\?/,
  ],
  ["a point to be read", ["hall/lamp/power", "1"], 2, /lamp\/power can only be read/],
  ["an unknown plugin", ["hal/lamp/level", "1"], 75, /nobody takes commands at hal\/lamp\/level\nhint: /],
  ["no point", ["hall"], 2, /"" is no point.*\nhint: write PLUGIN\/POINT/],
  ["no plugin", ["Hall/x"], 2, /"Hall" is no name\nhint: write PLUGIN\/POINT/],
  ["a ttl that is none", ["hall/lamp/level", "1", "--ttl", "soon"], 2, /Write a duration/],
  ["credentials without a hub", ["hall/lamp/level", "1", "--creds", "x"], 2, /name the hub with --url/],
] as const) {
  test(`refused, with what to do: ${what}`, async () => {
    const ended = await set(...args);
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, error);
    assert.equal(ended.stdout, "");
  });
}

test("from the hub, too, a refusal has its reason and hint, and a node that is not there is said", async () => {
  const unfit = await set(...fromHub, "n1/hall/lamp/level", "140");
  assert.equal(unfit.code, 2);
  assert.match(unfit.stderr, /must be <= 100\nhint: allowed: a number from -10 to 100\n$/);
  const nobody = await set(...fromHub, "n2/hall/lamp/level", "1");
  assert.equal(nobody.code, 75);
  assert.match(nobody.stderr, /nobody takes commands at n2\/hall\/lamp\/level/);
});

test("where no node runs that is status 4", async () => {
  const { code, stderr } = await umec(["set", "--data", await scratch(), "hall/lamp/level", "1"]);
  assert.equal(code, 4);
  assert.match(stderr, /no node is running/);
});
