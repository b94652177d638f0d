import assert from "node:assert/strict";
import { test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import { startReceiver } from "../notify/test-receiver.ts";
import type { ServiceInfo } from "./schema/service.ts";
import type { AvailabilityNotification } from "./schema/subscription.ts";
import { type Api, restService, startApi, weather } from "./test-mec011.ts";

const scratch = createScratch();
const root = "/mec_service_mgmt/v1";
const mine = `${root}/applications/${weather}/services`;

async function register(api: Api, livenessInterval?: number): Promise<ServiceInfo> {
  const body = { ...restService, ...(livenessInterval === undefined ? {} : { livenessInterval }) };
  return (await api.call("POST", mine, { body })).body as ServiceInfo;
}

const pathOf = ({ _links }: ServiceInfo) => new URL(_links.liveness!.href).pathname;

test("a service that sends no heartbeat is suspended and all are told; one brings it back", async (context) => {
  const api = await startApi(context, { directory: await scratch() });
  const receiver = await startReceiver(context);
  await api.call("POST", `${root}/applications/${weather}/subscriptions`, {
    body: { subscriptionType: "SerAvailabilityNotificationSubscription", callbackReference: receiver.url },
  });
  const service = await register(api, 1);
  const startMs = performance.now();
  assert.equal(service.livenessInterval, 1);
  await receiver.tries(2);
  assert.ok(performance.now() - startMs > 1_000);
  const shown = await api.call("GET", `${root}/services/${service.serInstanceId}`);
  assert.equal((shown.body as ServiceInfo).state, "SUSPENDED");
  const beat = await api.call("PATCH", pathOf(service), { body: { state: "ACTIVE" } });
  assert.equal(beat.status, 200);
  assert.deepEqual(
    { ...(beat.body as object), timeStamp: 0 },
    { state: "ACTIVE", timeStamp: 0, interval: 1 },
  );
  await receiver.tries(4);
  const heard = receiver.bodies as AvailabilityNotification[];
  const states = heard.map(({ serviceReferences: [one] }) => `${one!.changeType} ${one!.state}`);
  const again = "STATE_CHANGED SUSPENDED";
  assert.deepEqual(states, ["ADDED ACTIVE", again, "STATE_CHANGED ACTIVE", again]);
});

test("heartbeats keep a service active, each with a version of its own", async (context) => {
  let nowMs = 1_000_000;
  const api = await startApi(context, { directory: await scratch(), clock: { nowMs: () => nowMs } });
  const service = await register(api, 600);
  const first = await api.call("GET", pathOf(service));
  nowMs += 2_500;
  const tag = first.headers.get("etag")!;
  const beat = (etag: string) =>
    api.call("PATCH", pathOf(service), { body: { state: "ACTIVE" }, headers: { "if-match": etag } });
  assert.equal((await beat(tag)).status, 204);
  assert.equal((await beat(tag)).status, 412);
  const second = await api.call("GET", pathOf(service));
  assert.deepEqual(second.body, {
    state: "ACTIVE",
    timeStamp: { seconds: 1_002, nanoSeconds: 500_000_000 },
    interval: 600,
  });
});

test("the platform chooses the interval, within its range", async (context) => {
  const limits = { livenessS: { chosen: 60, least: 10, most: 100 } };
  const api = await startApi(context, { directory: await scratch(), limits });
  for (const [proposed, chosen] of [
    [0, 60],
    [1, 10],
    [50, 50],
    [5_000, 100],
  ] as const)
    assert.equal((await register(api, proposed)).livenessInterval, chosen);
});

test("a service without an interval has no liveness, and one that is inactive stays so", async (context) => {
  const api = await startApi(context, { directory: await scratch() });
  const silent = await register(api);
  assert.equal(silent._links.liveness, undefined);
  assert.equal((await api.call("GET", `${root}/services/${silent.serInstanceId}/liveness`)).status, 404);
  const service = await register(api, 600);
  const body = { ...restService, livenessInterval: 600, state: "INACTIVE" };
  await api.call("PUT", `${mine}/${service.serInstanceId}`, { body });
  assert.equal((await api.call("PATCH", pathOf(service), { body: { state: "ACTIVE" } })).status, 204);
  const shown = await api.call("GET", pathOf(service));
  assert.equal((shown.body as { state: string }).state, "INACTIVE");
});

test("another application can neither see nor feign a heartbeat", async (context) => {
  const api = await startApi(context, { directory: await scratch() });
  const path = pathOf(await register(api, 600));
  assert.equal((await api.call("GET", path, { as: "camera" })).status, 403);
  assert.equal((await api.call("PATCH", path, { as: "camera", body: { state: "ACTIVE" } })).status, 403);
});

test("after a restart a service has a full term again, and then is suspended", async (context) => {
  const directory = await scratch();
  const first = await startApi(context, { directory });
  const { serInstanceId } = await register(first, 1);
  const receiver = await startReceiver(context);
  await first.call("POST", `${root}/applications/${weather}/subscriptions`, {
    body: { subscriptionType: "SerAvailabilityNotificationSubscription", callbackReference: receiver.url },
  });
  await first.stop();
  const second = await startApi(context, { directory });
  const shown = await second.call("GET", `${root}/services/${serInstanceId}`);
  assert.equal((shown.body as ServiceInfo).state, "ACTIVE");
  await receiver.tries(1);
  const [heard] = receiver.bodies as AvailabilityNotification[];
  assert.equal(heard!.serviceReferences[0]!.state, "SUSPENDED");
});
