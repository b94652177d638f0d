import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { UmecError } from "../../errors.ts";
import { createScratch } from "../../test-scratch.ts";
import type { DnsRule, TrafficRule } from "./schema/rule.ts";
import { checkEtsi } from "./test-etsi.ts";
import { type Api, startApi, TestEngine, testTarget, testTargets, weather } from "./test-mec011.ts";

const scratch = createScratch();
const mine = `/mec_app_support/v1/applications/${weather}`;

async function start(context: TestContext, more: Partial<Parameters<typeof startApi>[1]> = {}): Promise<Api> {
  return startApi(context, { directory: await scratch(), ...more });
}

async function read<T>(api: Api, path: string): Promise<{ rule: T; etag: string }> {
  const { body, headers } = await api.call("GET", `${mine}${path}`);
  return { rule: body as T, etag: headers.get("etag")! };
}

test("what the package says holds from the start", async (context) => {
  const api = await start(context);
  assert.deepEqual(api.engine.dns, []);
  assert.deepEqual(api.engine.traffic, [
    {
      ...{ id: `${weather}/t2`, priority: 2, filterType: "PACKET", action: "FORWARD_DECAPSULATED" },
      ...{ filters: [{ dscp: 4 }], destinations: [{ dstIpAddress: "192.0.2.9" }] },
    },
  ]);
  const { rule } = await read<TrafficRule>(api, "/traffic_rules/t2");
  checkEtsi("TrafficRule", rule);
  assert.deepEqual(rule.trafficFilter, [{ dSCP: 4 }]);
  assert.deepEqual(rule.dstInterface, { interfaceType: "IP", dstIpAddress: "192.0.2.9" });
});

test("a rule is switched on and off, and the engine has it before the answer is out", async (context) => {
  const api = await start(context);
  const { rule, etag } = await read<DnsRule>(api, "/dns_rules/d1");
  assert.equal(rule.state, "INACTIVE");
  const headers = { "if-match": etag };
  const on = await api.call("PUT", `${mine}/dns_rules/d1`, { body: { ...rule, state: "ACTIVE" }, headers });
  assert.equal(on.status, 200);
  assert.deepEqual(api.engine.dns, [{ name: "weather.example", address: "192.0.2.7", ttlS: 10 }]);
  assert.notEqual(on.headers.get("etag"), etag);
  const stale = await api.call("PUT", `${mine}/dns_rules/d1`, { body: rule, headers });
  assert.equal(stale.status, 412);
  assert.equal((await api.call("PUT", `${mine}/dns_rules/d1`, { body: rule })).status, 200);
  assert.deepEqual(api.engine.dns, []);
});

test("only the state is the application's to change; the identifier must be the path's", async (context) => {
  const api = await start(context);
  const { rule } = await read<DnsRule>(api, "/dns_rules/d1");
  const other = { ...rule, state: "ACTIVE", ipAddress: "203.0.113.1", domainName: "bank.example" };
  const { body } = await api.call("PUT", `${mine}/dns_rules/d1`, { body: other });
  assert.deepEqual(body, { ...rule, state: "ACTIVE" });
  assert.equal(api.engine.dns[0]!.address, "192.0.2.7");
  const wrong = await api.call("PUT", `${mine}/dns_rules/d1`, { body: { ...rule, dnsRuleId: "d2" } });
  assert.equal(wrong.status, 400);
});

test("a rule that the engine refuses is off as before, and the reason is told", async (context) => {
  const api = await start(context);
  const { rule, etag } = await read<TrafficRule>(api, "/traffic_rules/t1");
  api.engine.refusal = new UmecError("RULES_INVALID", "port 80 is odd", { hint: "take another" });
  const answer = await api.call("PUT", `${mine}/traffic_rules/t1`, { body: { ...rule, state: "ACTIVE" } });
  assert.equal(answer.status, 403);
  assert.match(JSON.stringify(answer.body), /port 80 is odd/);
  assert.equal((await read<TrafficRule>(api, "/traffic_rules/t1")).etag, etag);
  api.engine.refusal = undefined;
  const again = await api.call("PUT", `${mine}/traffic_rules/t1`, { body: { ...rule, state: "ACTIVE" } });
  assert.equal(again.status, 200);
  assert.deepEqual(
    api.engine.traffic.map(({ id }) => id),
    [`${weather}/t1`, `${weather}/t2`],
  );
});

test("a rule of the package that can never hold is inactive, and takes no other with it", async (context) => {
  const engine = new TestEngine();
  engine.never.add(`${weather}/t2`);
  const api = await start(context, { engine });
  assert.deepEqual(api.engine.traffic, []);
  const { rule: bad } = await read<TrafficRule>(api, "/traffic_rules/t2");
  assert.equal(bad.state, "INACTIVE");
  const { rule } = await read<TrafficRule>(api, "/traffic_rules/t1");
  const on = await api.call("PUT", `${mine}/traffic_rules/t1`, { body: { ...rule, state: "ACTIVE" } });
  assert.equal(on.status, 200);
  const never = await api.call("PUT", `${mine}/traffic_rules/t2`, { body: { ...bad, state: "ACTIVE" } });
  assert.equal(never.status, 403);
  assert.match(JSON.stringify(never.body), /t2 can never hold/);
  assert.deepEqual(
    api.engine.traffic.map(({ id }) => id),
    [`${weather}/t1`],
  );
});

test("an engine that is not there is no refusal: 503, and as before", async (context) => {
  const api = await start(context);
  const { rule } = await read<DnsRule>(api, "/dns_rules/d1");
  api.engine.refusal = new UmecError("RULES_TIMEOUT", "not applied within 30 s");
  const answer = await api.call("PUT", `${mine}/dns_rules/d1`, { body: { ...rule, state: "ACTIVE" } });
  assert.equal(answer.status, 503);
  assert.equal((await read<DnsRule>(api, "/dns_rules/d1")).rule.state, "INACTIVE");
});

test("an engine that does not answer does not keep the API from being served", async (context) => {
  const engine = new TestEngine();
  const asked = Promise.withResolvers<void>();
  engine.setDns = () => {
    asked.resolve();
    return new Promise(() => {});
  };
  const api = await start(context, { engine });
  await asked.promise;
  assert.equal((await api.call("GET", `${mine}/dns_rules`)).status, 200);
});

test("of changes at once each sees what the one before has left", async (context) => {
  const api = await start(context);
  const { rule, etag } = await read<DnsRule>(api, "/dns_rules/d1");
  const put = () =>
    api.call("PUT", `${mine}/dns_rules/d1`, {
      body: { ...rule, state: "ACTIVE" },
      headers: { "if-match": etag },
    });
  const statuses = (await Promise.all([put(), put(), put()])).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [200, 412, 412]);
});

test("after a restart the engine is given what was switched on", async (context) => {
  const directory = await scratch();
  const first = await start(context, { directory });
  const { rule } = await read<DnsRule>(first, "/dns_rules/d1");
  await first.call("PUT", `${mine}/dns_rules/d1`, { body: { ...rule, state: "ACTIVE" } });
  await first.stop();
  const second = await start(context, { directory });
  assert.equal(second.engine.dns.length, 1);
});

test("when an application leaves the target state, its rules do not hold any more", async (context) => {
  const api = await start(context);
  const { rule } = await read<DnsRule>(api, "/dns_rules/d1");
  await api.call("PUT", `${mine}/dns_rules/d1`, { body: { ...rule, state: "ACTIVE" } });
  api.targets.current = testTargets.slice(1);
  await api.mec.setApps();
  assert.deepEqual([api.engine.dns, api.engine.traffic], [[], []]);
  assert.equal((await api.call("GET", `${mine}/dns_rules`)).status, 404);
  api.targets.current = testTargets;
  await api.mec.setApps();
  assert.equal((await read<DnsRule>(api, "/dns_rules/d1")).rule.state, "INACTIVE");
});

test("a change of the package makes another version of its rule", async (context) => {
  const api = await start(context);
  const { etag } = await read<DnsRule>(api, "/dns_rules/d1");
  const [rule] = testTargets[0]!.dnsRules;
  api.targets.current = [testTarget({ dnsRules: [{ ...rule!, ipAddress: "192.0.2.8" }] })];
  await api.mec.setApps();
  assert.notEqual((await read<DnsRule>(api, "/dns_rules/d1")).etag, etag);
});
