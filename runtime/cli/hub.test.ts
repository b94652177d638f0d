import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startTestServer, TestNode } from "../hub/test-hub.ts";
import { connectHub } from "./hub-connect.ts";
import type { HubReady } from "./hub-serve.ts";
import { type RunningProgram, scratch, startUmec, umec } from "./test-program.ts";

const anyPorts = ["--listen", "127.0.0.1:0", "--leaf-listen", "127.0.0.1:0"];

function startHub(data: string, ...args: string[]): RunningProgram {
  return startUmec(["hub", "--data", data, ...anyPorts, "--json", ...args]);
}

async function ready(hub: RunningProgram): Promise<HubReady> {
  return JSON.parse(await hub.firstLine());
}

async function stop(hub: RunningProgram) {
  hub.process.kill("SIGTERM");
  return hub.ended;
}

test("a hub takes frames and gives them to another process, keeps all over a restart, and remembers its nodes", async () => {
  await using dir = await scratch();
  const data = join(dir.path, "hub");
  await using first = startHub(data, "--node", "n1", "--node", "n2");
  const was = await ready(first);
  assert.deepEqual(Object.keys(was.credentials), ["n1", "n2"]);
  assert.equal((await stat(was.fleetCredentials)).mode & 0o777, 0o600);
  const credentials = await readFile(was.credentials.n1!, "utf8");
  const nc = await connectHub({ url: was.clientUrl, creds: was.fleetCredentials });
  const node = new TestNode(nc, "n1");
  await node.live({ rows: [1, 3], records: node.samples(1, 3) });
  const gap = { from: 4, to: 5, rows: 2, samples: 8, reason: "quota" } as const;
  await node.live({ rows: [6, 6], since: 1, records: [node.gap(gap)] });
  await nc.close();
  const { code, stderr } = await stop(first);
  assert.equal(code, 0, stderr);

  await using second = startHub(data, "--remove-node", "n2");
  const now = await ready(second);
  assert.deepEqual(Object.keys(now.credentials), ["n1"]);
  assert.equal(await readFile(now.credentials.n1!, "utf8"), credentials);
  const reading = ["hub", "read", "--url", now.clientUrl, "--creds", now.fleetCredentials];
  const text = await umec([...reading, "n1", "p1"]);
  assert.deepEqual(
    [text.code, text.stdout.split("\n").slice(0, 2)],
    [0, ["2025-10-09T08:53:21.000Z  d/q  1 V", "2025-10-09T08:53:22.000Z  d/q  2 V"]],
  );
  const json = await umec([...reading, "--json", "--from", "2025-10-09T08:53:23Z", "n1", "p1"]);
  const { value, unit, rows } = JSON.parse(json.stdout);
  assert.deepEqual([value, unit, rows], [3, "V", { first: 1, last: 3 }]);
  const gaps = await umec([...reading, "--gaps", "n1", "p1"]);
  assert.equal(gaps.stdout, "rows 4 to 5: 8 samples lost (quota)\n");
});

test("a stored message that is no frame is passed over, told, and status 5", async () => {
  await using dir = await scratch();
  await using hub = startHub(dir.path, "--node", "n1");
  const { clientUrl: url, fleetCredentials: creds } = await ready(hub);
  const nc = await connectHub({ url, creds });
  await nc.request("umec.n1.p1.telemetry", "no frame");
  await nc.close();
  const { code, stdout, stderr } = await umec(["hub", "read", "--url", url, "--creds", creds, "n1", "p1"]);
  assert.deepEqual([code, stdout, stderr], [5, "", "umec: 1 stored message could not be read\n"]);
});

test("people get the addresses, and for each node a block for its node.yaml", async () => {
  await using dir = await scratch();
  await using hub = startUmec(["hub", "--data", dir.path, ...anyPorts, "--node", "lamp-1"]);
  assert.equal(await hub.firstLine(), "the hub is ready");
  const { code, stdout } = await stop(hub);
  assert.equal(code, 0);
  const credentials = join(dir.path, "creds", "lamp-1.creds");
  assert.match(stdout, /\nfor readers +nats:\/\/127\.0\.0\.1:\d+, credentials .*fleet\.creds/);
  assert.match(
    stdout,
    new RegExp(`\nlink:\n {2}hub: nats-leaf://127\\.0\\.0\\.1:\\d+\n {2}credentials: ${credentials}\n`),
  );
});

test("a second hub in one directory is refused with status 75, and the first goes on", async () => {
  await using dir = await scratch();
  await using first = startHub(dir.path);
  const { clientUrl: url, fleetCredentials: creds } = await ready(first);
  const { code, stderr } = await umec(["hub", "--data", dir.path, ...anyPorts]);
  assert.equal(code, 75);
  assert.match(stderr, /^umec: another umec hub runs in .*\nhint: /);
  await (await connectHub({ url, creds })).close();
});

test("a name that is no node's is a usage error, and is not remembered", async () => {
  await using dir = await scratch();
  const { code, stderr } = await umec(["hub", "--data", dir.path, ...anyPorts, "--node", "Lamp.1"]);
  assert.equal(code, 2);
  assert.match(stderr, /"Lamp\.1" is no name for a node/);
  await using hub = startHub(dir.path);
  assert.deepEqual((await ready(hub)).credentials, {});
});

test("options that do not belong together, and TLS that is missing, are usage errors", async () => {
  await using dir = await scratch();
  const wrong = [
    ["--tls-cert", "hub.pem"],
    ["--url", "nats://h", "--node", "n1"],
    ["--leaf-listen", "0.0.0.0:0"],
  ];
  for (const args of wrong) {
    const { code, stderr } = await umec(["hub", "--data", dir.path, ...args]);
    assert.equal(code, 2, stderr);
  }
});

test("with --url a cluster of one's own is made a hub, and a second time nothing is changed", async () => {
  await using server = await startTestServer();
  const url = `nats://127.0.0.1:${server.nc.info?.port}`;
  const made = await umec(["hub", "--url", url, "--max-age", "90d"]);
  assert.deepEqual([made.code, made.stdout], [0, "the stream TELEMETRY was made\n"]);
  const again = await umec(["hub", "--url", url, "--json"]);
  assert.deepEqual([again.code, again.stdout], [0, '{"created":false,"changed":[]}\n']);
});

test("a hub that is not there is status 75, one that refuses the user is status 1", async () => {
  const gone = await umec(["hub", "read", "--url", "nats://127.0.0.1:1", "n1", "p1"]);
  assert.equal(gone.code, 75);
  assert.match(gone.stderr, /^umec: no connection to nats:\/\/127\.0\.0\.1:1: .*\nhint: /);
  await using dir = await scratch();
  await using hub = startHub(dir.path);
  const refused = await umec(["hub", "read", "--url", (await ready(hub)).clientUrl, "n1", "p1"]);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /^umec: .* refuses these credentials: .*\nhint: name the fleet's credentials with --creds\n/,
  );
});

test("the accounts for a cluster's configuration are printed without a cluster", async () => {
  const { code, stdout } = await umec(["hub", "--print-accounts", "lamp-1", "lamp-2"]);
  assert.equal(code, 0);
  assert.match(stdout, /accounts \{[\s\S]*"NODE-lamp-1" \{[\s\S]*"NODE-lamp-2" \{/);
});
