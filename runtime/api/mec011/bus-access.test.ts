import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import type { ServiceInfo } from "./schema/service.ts";
import { isCovered } from "./subjects-covered.ts";
import { type Api, camera, restService, startApi, testTarget, testTargets, weather } from "./test-mec011.ts";

const scratch = createScratch();
const mine = `/umec_apps/v1/applications/${weather}/bus_credentials`;

async function start(context: TestContext, more: Partial<Parameters<typeof startApi>[1]> = {}): Promise<Api> {
  return startApi(context, { directory: await scratch(), ...more });
}

async function onBus(api: Api, app: string, as: string): Promise<string> {
  const { transportInfo: _own, ...bare } = restService;
  const body = { ...bare, serName: as, transportId: "nats" };
  const answer = await api.call("POST", `/mec_service_mgmt/v1/applications/${app}/services`, { as, body });
  return (answer.body as ServiceInfo).serInstanceId;
}

test("an application gets what its entry says, for a time", async (context) => {
  const api = await start(context);
  const { status, body, headers } = await api.call("POST", mine, { body: {} });
  assert.equal(status, 201);
  assert.equal(headers.get("cache-control"), "no-store");
  const { expiresAt, ...rest } = body as { expiresAt: string };
  assert.deepEqual(rest, {
    ...{ urls: api.broker.urls, creds: "creds", publish: ["app.weather.>"], subscribe: ["app.camera.>"] },
  });
  assert.ok(Date.parse(expiresAt) > Date.now());
  await api.call("POST", mine, { body: { lifetimeS: 1_000_000 } });
  assert.deepEqual(
    api.broker.granted.map(({ lifetimeMs }) => lifetimeMs),
    [3_600_000, 86_400_000],
  );
});

test("for services it gets theirs alone: to publish its own, to hear others'", async (context) => {
  const api = await start(context);
  const own = await onBus(api, weather, "weather");
  const others = await onBus(api, camera, "camera");
  await api.call("POST", mine, { body: { services: [own] } });
  await api.call("POST", mine, { body: { services: [others] } });
  assert.deepEqual(
    api.broker.granted.map(({ grant }) => grant),
    [
      { publish: ["app.weather.>"], subscribe: [] },
      { publish: [], subscribe: ["app.camera.>"] },
    ],
  );
  const path = `/umec_apps/v1/applications/${camera}/bus_credentials`;
  const refused = await api.call("POST", path, { as: "camera", body: { services: [own] } });
  assert.equal(refused.status, 403);
  assert.match(JSON.stringify(refused.body), /may not subscribe to app\.weather/);
  assert.equal((await api.call("POST", mine, { body: { services: ["none"] } })).status, 404);
});

test("what was given is void when the application says so, or its entry changes or goes", async (context) => {
  const api = await start(context);
  await api.call("POST", mine, { body: {} });
  await api.mec.setApps();
  assert.deepEqual(api.broker.revoked, []);
  assert.equal((await api.call("DELETE", mine)).status, 204);
  assert.deepEqual(api.broker.revoked, ["weather"]);
  await api.call("POST", mine, { body: {} });
  api.targets.current = [testTarget({ bus: { publish: [], subscribe: ["app.camera.>"] } })];
  await api.mec.setApps();
  assert.deepEqual(api.broker.revoked, ["weather", "weather"]);
  await api.call("POST", mine, { body: {} });
  api.targets.current = [];
  await api.mec.setApps();
  assert.equal(api.broker.revoked.length, 3);
});

test("also when that happened while the node was off", async (context) => {
  const directory = await scratch();
  const first = await start(context, { directory });
  await first.call("POST", mine, { body: {} });
  await first.stop();
  const second = await start(context, { directory, targets: testTargets.slice(1) });
  assert.deepEqual(second.broker.revoked, ["weather"]);
});

test("a bus that fails is told to void it as soon as it does better", async (context) => {
  const api = await start(context);
  await api.call("POST", mine, { body: {} });
  api.broker.failure = new Error("not reached");
  const refused = await api.call("DELETE", mine);
  assert.equal(refused.status, 503);
  assert.equal((await api.call("POST", mine, { body: {} })).status, 503);
  api.broker.failure = undefined;
  await api.mec.setApps();
  assert.deepEqual(api.broker.revoked, ["weather"]);
  assert.equal((await api.call("POST", mine, { body: {} })).status, 201);
  await api.mec.setApps();
  assert.deepEqual(api.broker.revoked, ["weather"]);
});

test("an application's things are subjects, too, as its scopes say", async (context) => {
  const things = testTarget({
    read: ["meteo/**"],
    write: ["lamp/level"],
    bus: { publish: [], subscribe: [] },
  });
  const api = await start(context, { targets: [things] });
  await api.call("POST", mine, { body: {} });
  const [first] = api.broker.granted;
  assert.deepEqual(first!.grant, {
    publish: ["umec.test-node.lamp.command.level"],
    subscribe: ["umec.test-node.meteo.telemetry.>"],
  });
});

test("a node without a bus for applications says so, and lists no such transport", async (context) => {
  const api = await start(context, { withoutBroker: true });
  assert.equal((await api.call("POST", mine, { body: {} })).status, 404);
  const { body } = await api.call("GET", "/mec_service_mgmt/v1/transports");
  assert.deepEqual(
    (body as { id: string }[]).map(({ id }) => id),
    ["rest"],
  );
});

const coverage: readonly [subject: string, pattern: string, covered: boolean][] = [
  ["app.a.>", "app.a.>", true],
  ["app.a.>", "app.>", true],
  ["app.a.>", ">", true],
  ["app.a.>", "app.*.>", true],
  ["app.a.>", "app.b.>", false],
  ["app.a.>", "app.a", false],
  ["app.a.>", "app.a.*", false],
  ["app.>", "app.a.>", false],
  ["app.*", "app.*", true],
  ["app.*", "app.a", false],
  ["app.a", "app.>", true],
  ["app", "app.>", false],
];
for (const [subject, pattern, covered] of coverage) {
  test(`${subject} is ${covered ? "" : "not "}covered by ${pattern}`, () => {
    assert.equal(isCovered(subject, [pattern]), covered);
  });
}
