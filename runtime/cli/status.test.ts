import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import type { NodeStatus } from "../status.ts";
import { formatStatus } from "./status-layout.ts";
import { scratch, startUmec, umec } from "./test-program.ts";

const atMs = Date.parse("2026-03-01T12:00:00Z");

const status: NodeStatus = {
  node: "n1",
  version: "1.2.3",
  pid: 42,
  startedAt: "2026-03-01T10:00:00Z",
  identity: { keys: { link: "U", sign: "s", seal: "x" }, bound: false },
  clock: { known: true, trust: "auto" },
  target: {
    path: "/etc/umec/node.yaml",
    state: "invalid",
    findings: [
      {
        file: "node.yaml",
        line: 3,
        column: 5,
        pointer: "/plugins/x",
        value: "",
        reason: "unknown key",
        severity: "error",
      },
    ],
    failures: ["start plugin door: no such device"],
  },
  health: { ok: false, waitingFor: ["target", "hub"], failed: ["start plugin door: no such device"] },
  bus: { url: "nats://127.0.0.1:4300", memoryBytes: 18 * 2 ** 20 },
  link: {
    state: "up",
    sinceMs: atMs - 90_000,
    rttMs: 12.34,
    backlog: true,
    sentFrames: 1,
    sentSamples: 12_345,
    sentBytes: 2048,
    ackMs: { p50: 3, p99: 9, max: 30 },
    bounces: 0,
    foreignFrames: 2,
  },
  outbox: {
    path: "/var/lib/umec/outbox/outbox.db",
    store: "0123456789abcdef",
    chains: [
      { plugin: "meter", lane: "telemetry", nextRow: 9, waitingRows: 1, waitingSamples: 34 },
      { plugin: "door", lane: "alarm", nextRow: 1, waitingRows: 0, waitingSamples: 0 },
    ],
    waitingRows: 1,
    waitingSamples: 34,
    usedBytes: 65_536,
    quotaBytes: 256 * 2 ** 20,
    appendedRows: 10,
    appendedSamples: 100,
    evictedSamples: 0,
    refusedRows: 0,
    commits: 5,
    payloadBytes: 1000,
    writtenBytes: 4200,
    salvages: 0,
    lastSalvage: undefined,
    diskFull: false,
  },
  formerPlugins: [],
  alarms: [
    {
      name: "overvoltage",
      point: "meter/meter/voltage",
      severity: "critical",
      state: "raised",
      sinceMs: atMs - 65_000,
      value: 255.5,
      quality: "uncertain",
    },
    { name: "silent", point: "meter/meter/state", severity: "info", state: "clear" },
  ],
  objects: {
    waiting: 0,
    usedBytes: 0,
    quotaBytes: 67_108_864,
    stored: 0,
    sent: 0,
    sentBytes: 0,
    lost: 0,
    upload: { state: "off" },
  },
  plugins: [
    {
      name: "meter",
      driver: "modbus",
      required: false,
      state: "waiting",
      sinceMs: atMs - 5000,
      nextStartMs: atMs + 8000,
      restarts: 3,
      lastError: { code: "MODBUS_TIMEOUT", message: "no answer", atMs: atMs - 5000 },
      limits: {
        refused: { SENML_INVALID: 3, BUS_PUBLISH: 1200 },
        cutOffs: 2,
        lastCutOff: { reason: "nats-server refused too much", atMs: atMs - 7000 },
      },
      emitted: 7300,
      stored: 7200,
      refused: 0,
      lastSampleMs: atMs - 61_000,
      lastValues: { "meter/voltage": 231.2, "meter/state": "on", "meter/power": null },
      lastFaults: { "meter/voltage": "uncertain", "meter/power": "bad: no answer within 500 ms" },
    },
  ],
  memoryBytes: 71 * 2 ** 20,
};

/** A node as far as `umec status` sees one. */
async function fakeNode(data: string, answer: { code: number; body: string }) {
  await mkdir(join(data, "run"), { recursive: true });
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(answer.code, { "content-type": "application/json" }).end(answer.body);
  });
  server.listen(join(data, "run", "umec.sock"));
  await once(server, "listening");
  return {
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}

test("the node is found by its target file, also when that has become invalid, and asked on its socket", async () => {
  await using dir = await scratch();
  await writeFile(join(dir.path, "node.yaml"), "node: N1\ndata: ./state\nnonsense: 1\n");
  await using node = await fakeNode(join(dir.path, "state"), { code: 200, body: JSON.stringify(status) });
  const json = await umec(["status", "--json"], { cwd: dir.path });
  assert.deepEqual([json.code, JSON.parse(json.stdout)], [0, JSON.parse(JSON.stringify(status))]);
  const text = await umec(["status", join(dir.path, "node.yaml")]);
  assert.equal(text.code, 0);
  assert.match(text.stdout, /^node +n1, umec 1\.2\.3, pid 42/);
  assert.deepEqual(node.asked, ["GET /status", "GET /status"]);
});

test("--watch shows it again and again, and ends at an interrupt with status 0", async () => {
  await using dir = await scratch();
  await using node = await fakeNode(dir.path, { code: 200, body: JSON.stringify(status) });
  await using program = startUmec(["status", "--data", dir.path, "--watch", "--json"]);
  await program.firstLine();
  await once(program.process.stdout, "data");
  program.process.kill("SIGINT");
  const { code, stdout } = await program.ended;
  assert.equal(code, 0);
  assert.ok(node.asked.length >= 2);
  for (const line of stdout.trimEnd().split("\n")) assert.equal(JSON.parse(line).node, "n1");
});

test("a node that does not run is status 4, with what to do", async () => {
  await using dir = await scratch();
  const { code, stderr } = await umec(["status", "--data", dir.path]);
  assert.equal(code, 4);
  assert.match(stderr, /^umec: no node is running at .*\nhint: start it with `umec run`/);
});

test("an answer that is no status is an error", async () => {
  await using dir = await scratch();
  await using _node = await fakeNode(dir.path, { code: 500, body: "oh" });
  const { code, stderr } = await umec(["status", "--data", dir.path]);
  assert.equal(code, 1);
  assert.match(stderr, /HTTP status 500: oh/);
});

test("people see the link, what waits, each plugin with its rate, values and last error, and the findings", () => {
  assert.equal(
    formatStatus({ status, atMs }),
    `node    n1, umec 1.2.3, pid 42, up 2 h 0 min, 71.0 MiB resident
target  invalid, /etc/umec/node.yaml
health  waiting for target, hub; 1 failure, see below
clock   known (trust: auto)
link    up for 1 min 30 s, round trip 12.3 ms, stored in 3 ms (p99 9 ms), sent 12,345 samples in 1 frame, 2.0 KiB, an outage's backlog is on its way, 2 messages of ANOTHER NODE OF THIS NAME at the hub
outbox  34 samples waiting in 1 row, 64.0 KiB of 256 MiB used, 4.2 bytes written for each byte
        meter telemetry: 34 samples
bus     nats://127.0.0.1:4300, 18.0 MiB resident

PLUGIN            DRIVER  STATE    STORED  PER S  REFUSED  RESTARTS  LAST SAMPLE
meter (optional)  modbus  waiting   7,200      1        0         3  1 min 1 s ago

meter:
  ended 5 s ago: MODBUS_TIMEOUT: no answer; starts again in 8 s
  refused: SENML_INVALID 3, BUS_PUBLISH 1,200
  CUT OFF 2 times for flooding, last 7 s ago: nats-server refused too much
  meter/voltage = 231.2 (uncertain)
  meter/state = "on"
  meter/power = no value (bad: no answer within 500 ms)

ALARM        SEVERITY  STATE   FOR        POINT                VALUE
overvoltage  critical  RAISED  1 min 5 s  meter/meter/voltage  255.5 (uncertain)
silent       info      clear              meter/meter/state

failures:
  start plugin door: no such device

findings:
node.yaml:3:5: plugins/x: unknown key
`,
  );
});

test("in a watch the rate is that since the last look", () => {
  const [plugin] = status.plugins;
  const before = { ...status, plugins: [{ ...plugin!, stored: 7150 }] };
  const text = formatStatus({ status, atMs }, { status: before, atMs: atMs - 2000 });
  assert.match(text, /meter \(optional\) +modbus +waiting +7,200 +25 /);
});

test("objects are shown once there were any, with what is lost and why nothing is sent", () => {
  const shown = (objects: Partial<NodeStatus["objects"]>) =>
    formatStatus({ status: { ...status, objects: { ...status.objects, ...objects } }, atMs })
      .split("\n")
      .find((line) => line.startsWith("objects"));
  assert.equal(shown({}), undefined);
  assert.equal(
    shown({ stored: 3, sent: 3, sentBytes: 3 * 2 ** 20, upload: { state: "idle" } }),
    "objects  0 objects waiting, 0 B of 64.0 MiB used, sent 3, 3.0 MiB",
  );
  assert.equal(
    shown({
      waiting: 2,
      usedBytes: 2 ** 20,
      lost: 1,
      upload: { state: "refused", reason: "maximum bytes exceeded" },
    }),
    "objects  2 objects waiting, 1.0 MiB of 64.0 MiB used, sent 0, 0 B, 1 object LOST, upload refused (maximum bytes exceeded)",
  );
});

test("a plugin that is a process has its pid, what it is limited to, and what does not hold", () => {
  const [plugin] = status.plugins;
  const process = {
    pid: 4242,
    limits: { memoryBytes: 64 * 2 ** 20, cpuPercent: 50, devices: ["/dev/ttyUSB0"] },
    warnings: ["cpuPercent is not held: this system can't limit it here"],
  };
  const text = formatStatus({ status: { ...status, plugins: [{ ...plugin!, process }] }, atMs });
  assert.match(
    text,
    /\nmeter:\n {2}process 4242, at most 64\.0 MiB, 50 % of a processor, \/dev\/ttyUSB0, 3 restarts\n {2}cpuPercent is not held: .*\n {2}ended 5 s ago/,
  );
});

test("how a node stands with its hub is shown as long as it is not simply done", () => {
  const line = (enrolment: NodeStatus["enrolment"]) =>
    formatStatus({ status: { ...status, ...(enrolment && { enrolment }) }, atMs })
      .split("\n")
      .find((one) => one.startsWith("enrolment"));
  assert.equal(line(undefined), undefined);
  assert.equal(line({ state: "enrolled", sinceMs: atMs }), undefined);
  const refused = line({ state: "refused", sinceMs: atMs - 60_000, reason: "lamp-1 was revoked" });
  assert.match(refused ?? "", /^enrolment +REFUSED for 1 min 0 s: lamp-1 was revoked$/);
  assert.match(line({ state: "asking", sinceMs: atMs - 1000 }) ?? "", /^enrolment +asking for 1 s$/);
});

test("the API is shown where there is one, with where the bus is and its certificate", () => {
  const lines = (api: NodeStatus["api"]) =>
    formatStatus({ status: { ...status, ...(api && { api }) }, atMs })
      .split("\n")
      .filter((line) => /^api|wss:|certificate/.test(line));
  assert.deepEqual(lines(undefined), []);
  const api = {
    url: "https://192.0.2.1:8443",
    busUrls: ["wss://192.0.2.1:8444"],
    apps: 2,
    streams: 1,
    busConnections: 0,
    certificateSha256: "AB:CD",
  };
  assert.deepEqual(
    lines(api).map((line) => line.replace(/^(api)? +/, "")),
    [
      "https://192.0.2.1:8443, 2 applications, 1 stream",
      "wss://192.0.2.1:8444, 0 connections",
      "certificate AB:CD",
    ],
  );
});
