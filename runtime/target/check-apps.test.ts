import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../test-scratch.ts";
import { checkTarget } from "./check.ts";
import { formatFinding } from "./finding.ts";
import { twoDrivers } from "./fixtures/drivers.ts";
import { appInstanceId } from "./resolve-api.ts";

const path = "/etc/umec/node.yaml";
const hash = "ab".repeat(32);

async function check(text: string, file = path) {
  const { target, findings } = await checkTarget(`node: n1\n${text}`, { path: file, drivers: twoDrivers() });
  return {
    target,
    shown: findings.map((f) => formatFinding({ ...f, file: "y" }).replace(/^y:\d+:\d+: /, "")),
  };
}

test("the smallest API and application have their defaults, and an identifier that stays", async () => {
  const { target, shown } = await check(`api: {}\napps: { board: { secretSha256: ${hash} } }\n`);
  assert.deepEqual(shown, []);
  assert.deepEqual(target?.api, { host: "127.0.0.1", port: 8443, issuers: [], requestsPerS: 50 });
  assert.deepEqual(target?.apps, [
    {
      name: "board",
      appInstanceId: appInstanceId("n1", "board"),
      secretSha256: hash,
      scopes: ["mec_app_support", "mec_service_mgmt", "mec_iot", "things_read", "things_write"],
      read: [],
      write: [],
      bus: { publish: [], subscribe: [] },
      dnsRules: [],
      trafficRules: [],
    },
  ]);
  assert.match(
    appInstanceId("n1", "board"),
    /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.notEqual(appInstanceId("n1", "board"), appInstanceId("n2", "board"));
});

test("a UUID of version 5 is the one that others compute", () => {
  // python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, "urn:umec:n1:board"))'
  assert.equal(appInstanceId("n1", "board"), "75509d7a-8511-59d0-91a8-5c1d233cfe7f");
});

test("a full API is resolved: paths are absolute, the bus is where the API is, rules have their kind", async () => {
  const dir = await createdFiles();
  const { target, shown } = await check(
    `
api:
  host: 0.0.0.0
  tls: { certificate: ./a.pem, key: a.key }
  clientCa: ca.pem
  bus: { port: 8444 }
  issuers: [{ url: "https://id.example/x", audience: n1, roles: { tech: { level: operator }, w: { app: board } } }]
apps:
  board:
    dnsRules: { six: { domainName: a.example, ipAddress: "2001:db8::1" } }
    trafficRules:
      web: { filters: [{ dstPort: ["80-90"], protocol: [tcp] }], action: FORWARD_DECAPSULATED, destinations: [{ interfaceName: eth1 }] }
`,
    join(dir, "node.yaml"),
  );
  assert.deepEqual(shown, []);
  const { api, apps } = target!;
  assert.deepEqual(api?.tls, { certificatePath: join(dir, "a.pem"), keyPath: join(dir, "a.key") });
  assert.equal(api?.clientCaPath, join(dir, "ca.pem"));
  assert.deepEqual(api?.bus, { host: "0.0.0.0", port: 8444 });
  assert.deepEqual(api?.issuers[0]?.rolesClaim, "roles");
  const [dns] = apps[0]!.dnsRules;
  assert.deepEqual([dns?.ipAddressType, dns?.ttlS, dns?.active], ["IP_V6", 30, false]);
  const [traffic] = apps[0]!.trafficRules;
  assert.deepEqual([traffic?.priority, traffic?.filterType], [100, "PACKET"]);
});

const scratch = createScratch();
async function createdFiles(): Promise<string> {
  const dir = await scratch();
  for (const name of ["a.pem", "a.key", "ca.pem"]) await writeFile(join(dir, name), "x");
  return dir;
}

const app = (rest: string): string =>
  `api: {}\nplugins: { p: { driver: click } }\napps: { board: { secretSha256: ${hash}, ${rest} } }\n`;
const wrong: [what: string, text: string, finding: RegExp][] = [
  [
    "a secret itself",
    "api: {}\napps: { board: { secretSha256: hunter2 } }",
    /^apps\/board\/secretSha256: .*: must be 64 digits.*umec app secret/,
  ],
  [
    "an upper-case hash",
    `api: {}\napps: { board: { secretSha256: ${"AB".repeat(32)} } }`,
    /must be 64 digits/,
  ],
  ["a pattern that is a plugin alone", app("read: [p]"), /^apps\/board\/read\/0: p: must be plugin\/point/],
  ["** in the middle", app('read: ["p/**/x"]'), /must be plugin\/point/],
  ["a part of a segment as *", app('read: ["p/a*"]'), /must be plugin\/point/],
  ["a subject that is not a service's", app('bus: { publish: ["umec.>"] }'), /must be a subject below app\./],
  ["all services", app('bus: { subscribe: ["app.>"] }'), /must be a subject below app\./],
  ["an unknown scope", app("scopes: [things]"), /must be one of mec_app_support/],
  [
    "a key that is not there",
    app("reads: [p/x]"),
    /^apps\/board\/reads: unknown key\n {4}hint: did you mean read\?/,
  ],
  [
    "a name of capital letters",
    `api: {}\napps: { Board: { secretSha256: ${hash} } }`,
    /must be 1 to 63 characters/,
  ],
  [
    "one secret of two",
    `api: {}\napps: { a: { secretSha256: ${hash} }, b: { secretSha256: ${hash} } }`,
    /^apps\/b\/secretSha256: .*is a's already\n.*umec app secret b/,
  ],
  [
    "a name that is given twice",
    `api: {}\napps:\n  a: &a { secretSha256: ${hash} }\n  a: *a`,
    /the key a is given twice/,
  ],
  [
    "one port of two",
    "api: { port: 8444, bus: { port: 8444 } }",
    /^api\/bus\/port: 8444: is the port of the API already/,
  ],
  [
    "a role of nothing",
    'api: { issuers: [{ url: "https://x.example", audience: a, roles: { r: {} } }] }',
    /roles\/r: it stands for nothing/,
  ],
  [
    "a role of an unknown application",
    'api: { issuers: [{ url: "https://x.example", audience: a, roles: { r: { app: bord }, b: { app: board } } }] }\napps: { board: {} }',
    /app: bord: there is no application bord\n {4}hint: did you mean board\?/,
  ],
  [
    "keys in the clear",
    'api: { issuers: [{ url: "http://x.example", audience: a, roles: {} }] }',
    /in the clear/,
  ],
  [
    "an address that is none",
    app("dnsRules: { r: { domainName: a.example, ipAddress: 1.2.3 } }"),
    /ipAddress: .*must be an address/,
  ],
  [
    "a name without a dot",
    app("dnsRules: { r: { domainName: a, ipAddress: 1.2.3.4 } }"),
    /whole domain name/,
  ],
  [
    "FORWARD without a destination",
    app("trafficRules: { r: { filters: [{}], action: FORWARD_DECAPSULATED } }"),
    /r: FORWARD_DECAPSULATED needs destinations/,
  ],
  [
    "DROP with one",
    app("trafficRules: { r: { filters: [{}], action: DROP, destinations: [{ interfaceName: e }] } }"),
    /DROP sends nothing anywhere/,
  ],
  [
    "a network that is none",
    app('trafficRules: { r: { filters: [{ srcAddress: ["10.0.0.0/33"] }], action: DROP } }'),
    /must be an address, or one with a prefix/,
  ],
  [
    "a port of 0",
    app('trafficRules: { r: { filters: [{ dstPort: ["0"] }], action: DROP } }'),
    /must be a port/,
  ],
  [
    "a range that goes back",
    app('trafficRules: { r: { filters: [{ dstPort: ["9-8"] }], action: DROP } }'),
    /must be a port/,
  ],
  [
    "a protocol of 256",
    app('trafficRules: { r: { filters: [{ protocol: ["256"] }], action: DROP } }'),
    /number of a protocol/,
  ],
];

for (const [what, text, finding] of wrong) {
  test(`an error: ${what}`, async () => {
    const { target, shown } = await check(text);
    assert.equal(target, undefined);
    assert.equal(shown.length, 1, shown.join("\n"));
    assert.match(shown[0]!, finding);
  });
}

test("what may be meant so is a warning", async () => {
  const { target, shown } = await check(
    "apps: { a: { read: [wether/**] } }\nplugins: { weather: { driver: click } }\n",
  );
  assert.equal(shown.length, 2);
  assert.match(shown[0]!, /^warning: apps: there is no API/);
  assert.match(shown[1]!, /no plugin wether\n {4}hint: did you mean weather\?/);
  assert.ok(target);
  const alone = await check("api: {}\napps: { a: {} }");
  assert.match(alone.shown.join(), /^warning: apps\/a: it can get no token/);
  const missing = await check("api: { tls: { certificate: ./no.pem, key: ./no.key }, clientCa: no-ca.pem }");
  assert.equal(missing.shown.filter((line) => /there is no file \/etc\/umec\/no/.test(line)).length, 3);
});
