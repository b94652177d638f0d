import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { checkTarget } from "./check.ts";
import { formatFinding } from "./finding.ts";
import { twoDrivers } from "./fixtures/drivers.ts";

const path = "/etc/umec/node.yaml";

async function check(text: string) {
  const { target, findings } = await checkTarget(text, { path, drivers: twoDrivers() });
  return { target, findings, shown: findings.map((f) => formatFinding({ ...f, file: "node.yaml" })) };
}

test("one line is a node: every default is filled in, paths are absolute", async () => {
  const { target, findings } = await check("node: lamp-0042\n");
  assert.deepEqual(findings, []);
  assert.deepEqual(target, {
    node: "lamp-0042",
    dataPath: "/etc/umec/data",
    log: { level: "info" },
    outbox: { quotaBytes: 268_435_456, commitMs: 10, commitBytes: 262_144 },
    objects: { quotaBytes: 67_108_864, bytesPerS: 1_048_576 },
    update: { automatic: true, rateBytesPerS: 524_288 },
    gate: { deadlineS: 300, offline: false },
    clock: { trust: "auto" },
    plugins: [],
    alarms: [],
    users: [],
    apps: [],
  });
});

test("a full file is resolved: sizes in bytes, the hub's port, plugins by name", async () => {
  const { target } = await check(`
node: lamp-0042
data: /var/lib/umec
log: { level: debug }
link:
  hub: [tls://hub-1.example.org, "tls://hub-2.example.org:7500"]
  credentials: ./lamp.creds
  ca: ca.pem
  frameBytes: 64KiB
outbox: { quotaBytes: 1GiB }
clock: { trust: synchronized }
plugins:
  zoo: { driver: click, required: false, limits: { bytesPerS: 2MiB } }
  button: { driver: click, options: { line: 7 } }
`);
  assert.deepEqual(target?.link, {
    hubUrls: ["tls://hub-1.example.org:7422", "tls://hub-2.example.org:7500"],
    credentialsPath: "/etc/umec/lamp.creds",
    caPath: "/etc/umec/ca.pem",
    reconnectMs: 5000,
    frameBytes: 65_536,
    backlogBytesPerS: 4_194_304,
  });
  assert.equal(target?.outbox.quotaBytes, 1_073_741_824);
  const limits = { samplesPerS: 20_000, bytesPerS: 1_048_576 };
  assert.deepEqual(target?.plugins, [
    { name: "button", driver: "click", required: true, limits, options: { line: 7 } },
    {
      name: "zoo",
      driver: "click",
      required: false,
      limits: { ...limits, bytesPerS: 2_097_152 },
      options: { line: 4 },
    },
  ]);
});

test("JSON is read as well, and its findings have places too", async () => {
  const json = JSON.stringify({ node: "lamp", log: { level: "loud" } }, null, "\t");
  assert.deepEqual((await check(json)).shown, [
    'node.yaml:4:12: log/level: "loud": must be one of debug, info, warn, error',
  ]);
});

test("every error of a file is found, each in its line, in order", async () => {
  const { target, shown } = await check(`# the lamp at the gate
node: Lamp_42
nod: lamp
data: 7
log: { level: inof }
outbox:
  quotaBytes: 256MB
  commitMs: 0
  commitMs: 2000
clock:
link:
  hub: [tls://hub.example.org, http://hub.example.org]
  reconnectMs: "5000"
plugins:
  Meter: { driver: click }
  a:
    drivr: click
  b:
    driver: clack
    required: yes
    limits: { samplesPerS: 1.5, bytesPerS: 2GiB }
  c: click
`);
  assert.equal(target, undefined);
  assert.deepEqual(shown, [
    "node.yaml:2:7: node: Lamp_42: must be 1 to 63 characters of a-z, 0-9 and -, and neither start nor end with -",
    "node.yaml:3:1: nod: unknown key\n    hint: did you mean node?",
    "node.yaml:4:7: data: 7: must be text\n    hint: put it in quotes",
    "node.yaml:5:15: log/level: inof: must be one of debug, info, warn, error\n    hint: did you mean info?",
    "node.yaml:7:15: outbox/quotaBytes: 256MB: must be a whole number of bytes, or one with the unit B, KiB, MiB or GiB",
    "node.yaml:9:3: outbox/commitMs: the key commitMs is given twice, first in line 8\n    hint: keep one of them",
    "node.yaml:9:13: outbox/commitMs: 2000: must be <= 1000 (milliseconds)",
    "node.yaml:10:1: clock: must be a mapping\n    hint: the key has no value: give one or remove the key",
    "node.yaml:11:1: warning: link: names no credentials, and there is no token /etc/umec/enrolment-token\n    hint: put there what `umec hub token` prints; until then the link stays down, and the node stores",
    "node.yaml:12:32: link/hub/1: http://hub.example.org: must be a URL such as tls://hub.example.org:7422, with nats-leaf:// or tls://",
    'node.yaml:13:16: link/reconnectMs: "5000": must be a whole number (milliseconds)\n    hint: remove the quotes',
    "node.yaml:15:3: plugins/Meter: the name must be 1 to 63 characters of a-z, 0-9 and -, and neither start nor end with -",
    "node.yaml:16:3: plugins/a: the key driver is missing\n    hint: The driver that this plugin runs.",
    "node.yaml:17:5: plugins/a/drivr: unknown key\n    hint: did you mean driver?",
    "node.yaml:19:13: plugins/b/driver: clack: unknown driver\n    hint: did you mean click? (known: click, meter)",
    "node.yaml:20:15: plugins/b/required: yes: must be true or false\n    hint: write true",
    "node.yaml:21:28: plugins/b/limits/samplesPerS: 1.5: must be a whole number (samples a second)",
    "node.yaml:21:44: plugins/b/limits/bytesPerS: 2GiB: must be <= 1073741824 (bytes)",
    "node.yaml:22:6: plugins/c: click: must be a mapping",
  ]);
});

test("an unknown key far from any other lists the known ones", async () => {
  const { findings } = await check("node: lamp\nlog:\n  destination: syslog\n");
  assert.equal(findings[0]?.hint, "known keys: level");
});

test("a missing key of the file itself is reported where the file begins", async () => {
  const { shown } = await check("# empty but for this\ndata: ./data\n");
  assert.match(shown[0]!, /^node\.yaml:2:1: the key node is missing\n/);
});

test("broken syntax is reported alone: the rest would be a guess", async () => {
  const { target, findings } = await check("node: [\nlog: { level: loud }\n");
  assert.equal(target, undefined);
  assert.ok(findings.length > 0 && findings.every(({ reason }) => !reason.includes("must be one of")));
});

test("an empty file, a list and a text are no targets", async () => {
  assert.match((await check("")).shown[0]!, /^node\.yaml:1:1: the file is empty\n/);
  assert.match((await check("- node: a\n")).shown[0]!, /must be a mapping/);
  assert.match((await check("lamp\n")).shown[0]!, /must be a mapping/);
});

test("names that objects have by nature are nothing special", async () => {
  const { target } = await check("node: constructor\nplugins:\n  constructor: { driver: click }\n");
  assert.deepEqual(
    target?.plugins.map(({ name }) => name),
    ["constructor"],
  );
  const { shown } = await check("node: a\n__proto__: { data: x }\nplugins: { a: { driver: toString } }\n");
  assert.match(shown[0]!, /^node\.yaml:2:1: __proto__: unknown key/);
  assert.match(shown[1]!, /toString: unknown driver/);
});

test("a relative path of the file itself is resolved too", async () => {
  const { target } = await checkTarget("node: a\n", { path: "conf/node.yaml", drivers: twoDrivers() });
  assert.equal(target?.dataPath, resolve("conf/data"));
});
