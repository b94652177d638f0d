import assert from "node:assert/strict";
import { test } from "node:test";
import { formatFinding } from "../target/finding.ts";
import { targetOf } from "./compose.ts";
import { ca, checked, credentials, full, token } from "./test-card.ts";

async function errorsOf(card: unknown): Promise<string[]> {
  const { card: valid, findings } = await checked(card);
  const errors = findings.filter(({ severity }) => severity === "error");
  assert.equal(valid === undefined, errors.length > 0);
  return errors.map(formatFinding);
}

test("a card with all there is, and the smallest one, are valid", async () => {
  assert.deepEqual(await errorsOf({ ...full, hub: { ...full.hub, ca } }), []);
  const { findings } = await checked({ node: "lamp-0042" });
  assert.deepEqual(findings, []);
  assert.deepEqual(await errorsOf('{\t"node":\r\n\t"lamp\\u002d1"}'), []);
});

test("every error of a card has its place in umec.json, a secret never its value", async () => {
  const { findings } = await checked({
    ...full,
    hub: { urls: "http://hub", credentials: "my secret", token: "" },
    ssh: ["no key"],
    network: { address: "192.168.7.20" },
  });
  const found = findings.map(({ pointer, line }) => `${line} ${pointer}`);
  assert.deepEqual(found, [
    "4 /hub/urls",
    "5 /hub/credentials",
    "6 /hub/token",
    "35 /ssh/0",
    "38 /network/address",
  ]);
  assert.ok(!JSON.stringify(findings).includes("my secret"));
});

test("half a credentials file is refused: without its seed no node can link", async () => {
  const half = credentials.slice(0, credentials.indexOf("-----BEGIN USER"));
  const errors = await errorsOf({ node: "a", hub: { urls: ["tls://hub.example.org"], credentials: half } });
  assert.match(
    errors.join(),
    /^umec\.json:\d+:\d+: hub\/credentials: must be the whole text of a \.creds file/,
  );
});

test("a text that is no JSON is told where, without the text around it", async () => {
  const secret = "SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4";
  const errors = await errorsOf(`{ "node": "a",\n  "hub": { "token": "${secret}" "urls": [] } }`);
  assert.equal(errors.length, 1);
  assert.match(errors[0]!, /^umec\.json:2:82: here should be a comma or }\n {4}hint: it has to be JSON/);
  assert.ok(!errors[0]!.includes("SUAI"));
  assert.match((await errorsOf("node: a")).join(), /^umec\.json:1:1: here should be a value/);
  assert.match((await errorsOf("[]")).join(), /must be a mapping/);
  assert.match((await errorsOf('{"node":"a","node":"b"}')).join(), /the key node is given twice/);
});

test("what only the target's own check finds is told of umec.json as well", async () => {
  const errors = await errorsOf({ ...full, target: { plugins: { meter: { driver: "modbsu" } } } });
  assert.equal(errors.length, 1);
  assert.match(
    errors[0]!,
    /^umec\.json:14:\d+: target\/plugins\/meter\/driver: "modbsu": .*\n {4}hint: .*modbus/,
  );
  const unknown = await errorsOf({ node: "a", target: { outbx: {} } });
  assert.match(
    unknown.join(),
    /^umec\.json:4:5: target\/outbx: unknown key\n {4}hint: did you mean outbox\?/,
  );
  const port = await errorsOf({ ...full, hub: { urls: ["tls://a", "tls://b:99999"], credentials } });
  assert.match(port.join(), /^umec\.json:6:\d+: hub\/urls\/1: "?tls:\/\/b:99999"?: the port 99999/);
});

test("what the card and the image decide has no place in target", async () => {
  const errors = await errorsOf({
    ...full,
    target: { node: "b", data: "/x", link: { hub: "tls://h", ca: "x" } },
  });
  assert.equal(errors.length, 2);
  assert.match(errors.join(), /target\/node: the name has no place here/);
  assert.match(errors.join(), /target\/data: the name has no place here/);
  const link = await errorsOf({ ...full, target: { link: { hub: "tls://h", credentials: "./a" } } });
  assert.match(link.join(), /target\/link\/hub: has no place here\n {4}hint: say it in hub\.urls/);
  assert.match((await errorsOf({ node: "a", target: { link: {} } })).join(), /there is none: give hub/);
});

test("a hub without credentials is only a warning, a damaged certificate is an error", async () => {
  const { card, findings } = await checked({ node: "a", hub: { urls: ["tls://hub.example.org"] } });
  assert.ok(card);
  assert.deepEqual(
    findings.map(({ severity, pointer }) => [severity, pointer]),
    [["warning", "/hub"]],
  );
  const damaged = { urls: ["tls://hub.example.org"], credentials, ca: ca.replace(/^MII.{20}/m, "MII") };
  assert.match((await errorsOf({ node: "a", hub: damaged })).join(), /hub\/ca: must be a certificate/);
});

test("addresses have to be some, and to fit each other", async () => {
  const cases: [network: unknown, pointer: RegExp | undefined][] = [
    [{}, undefined],
    [{ address: "fd00::20/64", gateway: "fe80::1" }, undefined],
    [{ dns: ["9.9.9.9"], ntp: ["a.example", "fd00::1"] }, undefined],
    [{ address: "192.168.7.300/24" }, /network\/address/],
    [{ address: "192.168.7.3/33" }, /network\/address/],
    [{ address: "192.168.7.3/24", gateway: "fe80::1" }, /network\/gateway: .*IPv4/],
    [{ gateway: "192.168.7.1" }, /network\/gateway: belongs to an address/],
    [{ dns: ["1.1.1.1.1"] }, /network\/dns\/0/],
    [{ ntp: ["a\nDHCP=no"] }, /network\/ntp\/0/],
    [{ interface: "e]\n[Network]" }, /network\/interface/],
  ];
  for (const [network, pointer] of cases) {
    const errors = (await errorsOf({ node: "a", network })).join();
    if (pointer) assert.match(errors, pointer);
    else assert.equal(errors, "", JSON.stringify(network));
  }
});

test("a token must be for the card's node, whole, and at the desk not too old; a card with it needs no credentials", async () => {
  const card = (node: string, text: string) => ({
    node,
    hub: { urls: "tls://hub.example.org", token: text },
  });
  const soon = await checked(card("lamp-0042", token), Date.UTC(2027, 0, 1));
  assert.deepEqual(soon.findings, []);
  assert.deepEqual(targetOf(soon.card!), { node: "lamp-0042", link: { hub: "tls://hub.example.org" } });
  const reasons = async (node: string, text: string, nowMs?: number) =>
    (await checked(card(node, text), nowMs)).findings.map(
      ({ severity, pointer, reason, value }) => `${severity} ${pointer} ${reason}${value}`,
    );
  const other = await reasons("lamp-0043", token);
  assert.deepEqual(other, ["error /hub/token is for lamp-0042, and the card is for lamp-0043"]);
  const part = await reasons("lamp-0042", token.slice(0, -9));
  assert.deepEqual(part, ["error /hub/token this is no token for enrolment, or a part of one"]);
  const late = await reasons("lamp-0042", token, Date.UTC(2101, 0, 1));
  assert.deepEqual(late, ["error /hub/token expired at 2100-01-01T00:00:00.000Z"]);
  assert.deepEqual(await reasons("lamp-0042", token), [], "on the node the clock may be wrong");
  const both = await checked(full);
  assert.ok(both.card);
  assert.match(
    both.findings.map(({ reason }) => reason).join(),
    /is not used: the node links with hub.creden/,
  );
});
