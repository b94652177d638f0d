import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import { startReceiver } from "../notify/test-receiver.ts";
import type { ServiceInfo } from "./schema/service.ts";
import type { AvailabilityNotification } from "./schema/subscription.ts";
import { checkEtsi } from "./test-etsi.ts";
import { type Api, camera, restService, startApi, testTargets, weather } from "./test-mec011.ts";

const scratch = createScratch();
const root = "/mec_service_mgmt/v1";
const mine = `${root}/applications/${weather}/services`;

async function start(context: TestContext, more: Partial<Parameters<typeof startApi>[1]> = {}): Promise<Api> {
  return startApi(context, { directory: await scratch(), ...more });
}

async function register(api: Api, body: object = {}, as = "weather"): Promise<ServiceInfo> {
  const app = as === "weather" ? weather : camera;
  const path = `${root}/applications/${app}/services`;
  const answer = await api.call("POST", path, { as, body: { ...restService, ...body } });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body as ServiceInfo;
}

async function ids(api: Api, query: string): Promise<string[]> {
  const answer = await api.call("GET", `${root}/services${query}`);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return (answer.body as ServiceInfo[]).map(({ serName }) => serName);
}

test("a service is seen by all, and listed as its producer's own", async (context) => {
  const api = await start(context);
  const made = await register(api);
  assert.equal(made.isLocal, true);
  assert.equal(made.consumedLocalOnly, true);
  assert.equal(made.scopeOfLocality, "MEC_HOST");
  const seen = await api.call("GET", `${root}/services/${made.serInstanceId}`, { as: "camera" });
  assert.deepEqual({ ...(seen.body as object), _links: 0 }, { ...made, _links: 0 });
  const others = await api.call("GET", `${root}/applications/${camera}/services`, { as: "camera" });
  assert.deepEqual(others.body, []);
  const foreign = await api.call("GET", `${root}/applications/${camera}/services/${made.serInstanceId}`, {
    as: "camera",
  });
  assert.equal(foreign.status, 404);
});

test("requests may carry serInstanceId, _links and what nobody knows: all of it is ignored", async (context) => {
  const api = await start(context);
  const made = await register(api, {
    ...{ serInstanceId: "mine", _links: { self: { href: "http://elsewhere/" } }, more: "x", isLocal: false },
  });
  assert.notEqual(made.serInstanceId, "mine");
  assert.ok(made._links.self.href.startsWith(api.url));
  assert.equal("more" in made, false);
  assert.equal(made.isLocal, true);
});

test("each filter selects, and those that exclude each other are refused", async (context) => {
  const api = await start(context);
  const category = { href: "http://c/", id: "c1", name: "c", version: "1" };
  const one = await register(api, { serName: "one", serCategory: category });
  await register(api, { serName: "two", consumedLocalOnly: false, scopeOfLocality: "ZONE" });
  const three = await register(api, { serName: "three" }, "camera");
  assert.deepEqual(await ids(api, ""), ["one", "two", "three"]);
  assert.deepEqual(await ids(api, "?ser_name=one&ser_name=two"), ["one", "two"]);
  assert.deepEqual(await ids(api, "?ser_name=one,three"), ["one", "three"]);
  assert.deepEqual(await ids(api, `?ser_instance_id=${one.serInstanceId},${three.serInstanceId}`), [
    "one",
    "three",
  ]);
  assert.deepEqual(await ids(api, "?ser_category_id=c1"), ["one"]);
  assert.deepEqual(await ids(api, "?consumed_local_only=false"), ["two"]);
  assert.deepEqual(await ids(api, "?scope_of_locality=ZONE"), ["two"]);
  assert.deepEqual(await ids(api, "?scope_of_locality=MEC_HOST&consumed_local_only=true"), ["one", "three"]);
  assert.deepEqual(await ids(api, "?is_local=false"), []);
  for (const bad of [
    "?ser_name=a&ser_instance_id=b",
    "?ser_name=a&ser_category_id=b",
    "?scope_of_locality=MOON",
    "?is_local=perhaps",
    "?nonsense=1",
  ])
    assert.equal((await api.call("GET", `${root}/services${bad}`)).status, 400, bad);
});

test("a service is on one transport: the platform's or its own", async (context) => {
  const api = await start(context);
  const { transportInfo, ...bare } = restService;
  for (const body of [
    bare,
    { ...bare, transportId: "carrier-pigeon" },
    { ...restService, transportId: "rest" },
  ])
    assert.equal((await api.call("POST", mine, { body })).status, 400);
  const answer = await api.call("POST", mine, { body: { ...bare, transportId: "rest" } });
  const made = answer.body as ServiceInfo;
  checkEtsi("ServiceInfo", made);
  assert.equal(made.transportInfo.id, "rest");
  assert.equal("transportId" in made, false);
  // What was read can be written back.
  const path = `${mine}/${made.serInstanceId}`;
  const put = await api.call("PUT", path, { body: { ...made, version: "2" } });
  assert.equal(put.status, 200);
  assert.equal((put.body as ServiceInfo).transportInfo.id, "rest");
  const moved = await api.call("PUT", path, { body: { ...made, transportInfo } });
  assert.equal((moved.body as ServiceInfo).transportInfo.id, "own");
});

test("a name on the bus is one token, and only the application that may publish there gets it", async (context) => {
  const api = await start(context);
  const { transportInfo: _own, ...bare } = restService;
  const on = (serName: string) => api.call("POST", mine, { body: { ...bare, serName, transportId: "nats" } });
  const answer = await on("weather");
  assert.equal(answer.status, 201);
  const { transportInfo } = answer.body as ServiceInfo;
  assert.deepEqual(transportInfo.endpoint, { uris: api.broker.urls });
  assert.equal((transportInfo.implSpecificInfo as { subject: string }).subject, "app.weather.>");
  assert.equal((await on("camera")).status, 403);
  for (const name of ["weather.>", "a b", "*", "ä"]) assert.equal((await on(name)).status, 400, name);
});

test("a change needs the version that it knows, and makes another one", async (context) => {
  const api = await start(context);
  const { serInstanceId } = await register(api);
  const path = `${mine}/${serInstanceId}`;
  const before = (await api.call("GET", path)).headers.get("etag")!;
  const put = (tag: string, version: string) =>
    api.call("PUT", path, { body: { ...restService, version }, headers: { "if-match": tag } });
  const both = await Promise.all([put(before, "a"), put(before, "b")]);
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 412]);
  const now = (await api.call("GET", path)).headers.get("etag")!;
  assert.notEqual(now, before);
  assert.equal((await put(`"x", ${now}`, "c")).status, 200);
  assert.equal((await put("*", "d")).status, 200);
});

test("subscribers hear what has changed, in order, and of what they asked for", async (context) => {
  const api = await start(context);
  const all = await startReceiver(context);
  const some = await startReceiver(context);
  const subscribe = (callbackReference: string, filteringCriteria?: object) =>
    api.call("POST", `${root}/applications/${camera}/subscriptions`, {
      as: "camera",
      body: {
        ...{ subscriptionType: "SerAvailabilityNotificationSubscription", callbackReference },
        ...(filteringCriteria ? { filteringCriteria } : {}),
      },
    });
  const subscription = await subscribe(all.url);
  await subscribe(some.url, { serNames: ["weather"], states: ["INACTIVE"] });
  const { serInstanceId } = await register(api);
  const path = `${mine}/${serInstanceId}`;
  await api.call("PUT", path, { body: restService });
  await api.call("PUT", path, { body: { ...restService, state: "INACTIVE" } });
  await api.call("PUT", path, { body: { ...restService, version: "2.0" } });
  await api.call("DELETE", path);
  await Promise.all([all.tries(4), some.tries(1)]);
  const heard = all.bodies as AvailabilityNotification[];
  for (const body of heard) checkEtsi("ServiceAvailabilityNotification", body);
  const changes = heard.map(({ serviceReferences: [one] }) => `${one!.changeType} ${one!.state}`);
  assert.deepEqual(changes, [
    "ADDED ACTIVE",
    "STATE_CHANGED INACTIVE",
    "ATTRIBUTES_CHANGED ACTIVE",
    "REMOVED ACTIVE",
  ]);
  assert.equal(heard[0]!._links.subscription.href, subscription.headers.get("location"));
  assert.equal(heard[0]!.serviceReferences[0]!.link?.href, `${api.url}${root}/services/${serInstanceId}`);
  assert.equal(heard[3]!.serviceReferences[0]!.link, undefined);
  assert.deepEqual(
    (some.bodies as AvailabilityNotification[]).map(({ serviceReferences: [one] }) => one!.changeType),
    ["STATE_CHANGED"],
  );
});

test("an application has so many services, and so many bytes of them, and no more", async (context) => {
  const api = await start(context, { limits: { services: 3, appBytes: 3_000, documentBytes: 2_000 } });
  for (let n = 0; n < 3; n++) await register(api);
  const answer = await api.call("POST", mine, { body: restService });
  assert.equal(answer.status, 403);
  assert.match(JSON.stringify(answer.body), /3 is the most/);
  const other = `${root}/applications/${camera}/services`;
  const large = {
    ...restService,
    transportInfo: { ...restService.transportInfo, description: "x".repeat(1_000) },
  };
  const statuses: number[] = [];
  for (let n = 0; n < 3; n++)
    statuses.push((await api.call("POST", other, { as: "camera", body: large })).status);
  assert.deepEqual(statuses, [201, 201, 403]);
  const huge = { ...large, serCategory: { href: "x".repeat(2_000), id: "a", name: "a", version: "a" } };
  assert.equal((await api.call("POST", other, { as: "camera", body: huge })).status, 400);
});

test("services are there again after a restart, with their tags", async (context) => {
  const directory = await scratch();
  const first = await start(context, { directory });
  const { serInstanceId } = await register(first);
  const before = await first.call("GET", `${mine}/${serInstanceId}`);
  await first.stop();
  const second = await start(context, { directory });
  const after = await second.call("GET", `${mine}/${serInstanceId}`);
  assert.equal(after.status, 200);
  assert.equal(after.headers.get("etag"), before.headers.get("etag"));
});

test("that a producer left while the node was off is told at the next start", async (context) => {
  const directory = await scratch();
  const receiver = await startReceiver(context);
  const first = await start(context, { directory });
  const { serInstanceId } = await register(first);
  await first.call("POST", `${root}/applications/${camera}/subscriptions`, {
    as: "camera",
    body: { subscriptionType: "SerAvailabilityNotificationSubscription", callbackReference: receiver.url },
  });
  await first.stop();
  await start(context, { directory, targets: testTargets.slice(1) });
  await receiver.tries(1);
  const [heard] = receiver.bodies as AvailabilityNotification[];
  const [{ changeType, serInstanceId: gone } = {}] = heard!.serviceReferences;
  assert.deepEqual([changeType, gone], ["REMOVED", serInstanceId]);
});

test("a service on a bus that is there no more is shown without URIs", async (context) => {
  const directory = await scratch();
  const first = await start(context, { directory });
  const { transportInfo: _own, ...bare } = restService;
  assert.equal((await first.call("POST", mine, { body: { ...bare, transportId: "nats" } })).status, 201);
  await first.stop();
  const second = await start(context, { directory, withoutBroker: true });
  const { body } = await second.call("GET", `${root}/services`);
  checkEtsi("ServiceInfo[]", body);
  const [{ transportInfo } = {} as ServiceInfo] = body as ServiceInfo[];
  assert.deepEqual([transportInfo.type, transportInfo.endpoint], ["MB_PUBSUB", { uris: [] }]);
});

test("a store that is full is told to who asks, and what is there stays as it was", async (context) => {
  const api = await start(context, { quotaBytes: 3_000 });
  const statuses: number[] = [];
  for (let n = 0; n < 8; n++) statuses.push((await api.call("POST", mine, { body: restService })).status);
  const made = statuses.filter((status) => status === 201).length;
  assert.deepEqual(statuses, [...Array(made).fill(201), ...Array(8 - made).fill(403)]);
  assert.ok(made > 0 && made < 8, `${made}`);
  assert.equal((await ids(api, "")).length, made);
});
