import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import { startReceiver } from "../notify/test-receiver.ts";
import type { ServiceInfo } from "./schema/service.ts";
import { checkEtsi } from "./test-etsi.ts";
import { type Api, restService, startApi, testTargets, weather } from "./test-mec011.ts";

const scratch = createScratch();
const support = `/mec_app_support/v1/applications/${weather}`;
const services = `/mec_service_mgmt/v1/applications/${weather}/services`;
const end = `/umec_apps/v1/applications/${weather}/end`;

/** An application with a service and a registration, that is up and wants to hear of its end. */
async function start(context: TestContext, more: Partial<Parameters<typeof startApi>[1]> = {}) {
  const api = await startApi(context, { directory: await scratch(), ...more });
  const receiver = await startReceiver(context);
  const subscription = await api.call("POST", `${support}/subscriptions`, {
    body: {
      ...{ subscriptionType: "AppTerminationNotificationSubscription", appInstanceId: weather },
      callbackReference: receiver.url,
    },
  });
  assert.equal(subscription.status, 201);
  await api.call("POST", services, { body: restService });
  await api.call("POST", "/mec_app_support/v1/registrations", { body: { appName: "weather" } });
  assert.equal(
    (await api.call("POST", `${support}/confirm_ready`, { body: { indication: "READY" } })).status,
    204,
  );
  return { api, receiver, subscription: subscription.headers.get("location") };
}

const begin = (api: Api, operationAction: string, maxGracefulTimeout: number, as = "person") =>
  api.call("POST", end, { as, body: { operationAction, maxGracefulTimeout } });
const confirm = (api: Api, operationAction: string) =>
  api.call("POST", `${support}/confirm_termination`, { body: { operationAction } });
const states = async (api: Api) =>
  ((await api.call("GET", "/mec_service_mgmt/v1/services", { as: "camera" })).body as ServiceInfo[]).map(
    ({ state }) => state,
  );

test("an application is told of its end, confirms, and all that it had is gone", async (context) => {
  const { api, receiver, subscription } = await start(context);
  assert.equal((await begin(api, "TERMINATING", 600)).status, 202);
  await receiver.tries(1);
  const [heard] = receiver.bodies;
  checkEtsi("AppTerminationNotification", heard);
  const href = `${api.url}${support}/confirm_termination`;
  assert.deepEqual(heard, {
    ...{
      notificationType: "AppTerminationNotification",
      operationAction: "TERMINATING",
      maxGracefulTimeout: 600,
    },
    _links: { subscription: { href: subscription }, confirmTermination: { href } },
  });
  assert.deepEqual(await states(api), ["ACTIVE"]);
  assert.equal((await confirm(api, "STOPPING")).status, 400);
  assert.equal((await confirm(api, "TERMINATING")).status, 204);
  assert.deepEqual(await states(api), []);
  assert.equal((await api.call("GET", `/mec_app_support/v1/registrations/${weather}`)).status, 404);
  const left = (await api.call("GET", `${support}/subscriptions`)).body as {
    _links: { subscriptions: unknown[] };
  };
  assert.deepEqual(left._links.subscriptions, []);
  assert.deepEqual(api.engine.traffic, []);
  assert.equal((await confirm(api, "TERMINATING")).status, 409);
});

test("one that is stopped keeps its services, inactive; its rules hold again when it is ready", async (context) => {
  const { api } = await start(context);
  await begin(api, "STOPPING", 600);
  assert.equal(
    (await api.call("POST", `${support}/confirm_ready`, { body: { indication: "READY" } })).status,
    409,
  );
  assert.equal((await confirm(api, "STOPPING")).status, 204);
  assert.deepEqual(await states(api), ["INACTIVE"]);
  assert.deepEqual(api.engine.traffic, []);
  const { body } = await api.call("GET", `${support}/traffic_rules/t1`);
  const on = await api.call("PUT", `${support}/traffic_rules/t1`, {
    body: { ...(body as object), state: "ACTIVE" },
  });
  assert.equal(on.status, 403);
  assert.equal(
    (await api.call("POST", `${support}/confirm_ready`, { body: { indication: "READY" } })).status,
    204,
  );
  assert.deepEqual(
    api.engine.traffic.map(({ id }) => id),
    [`${weather}/t2`],
  );
});

async function untilGone(api: Api): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while ((await states(api)).length > 0) assert.ok(performance.now() < deadlineMs);
}

test("one that does not confirm is ended when its time is up", async (context) => {
  const { api } = await start(context);
  const startMs = performance.now();
  await begin(api, "TERMINATING", 1);
  await untilGone(api);
  assert.ok(performance.now() - startMs >= 990);
  assert.equal((await confirm(api, "TERMINATING")).status, 409);
});

test("the time runs on over a restart, and a clock that went back can't make it longer", async (context) => {
  const directory = await scratch();
  const { api: first } = await start(context, { directory });
  await begin(first, "TERMINATING", 1);
  await first.stop();
  const second = await startApi(context, { directory, clock: { nowMs: () => 0 } });
  const startMs = performance.now();
  await untilGone(second);
  assert.ok(performance.now() - startMs < 5_000);
});

test("one that has not asked to be told is ended at once", async (context) => {
  const api = await startApi(context, { directory: await scratch() });
  await api.call("POST", services, { body: restService });
  assert.equal((await begin(api, "TERMINATING", 600)).status, 202);
  assert.deepEqual(await states(api), []);
});

test("no application ends another, or itself", async (context) => {
  const { api } = await start(context);
  assert.equal((await begin(api, "TERMINATING", 1, "camera")).status, 403);
  assert.equal((await begin(api, "TERMINATING", 1, "weather")).status, 403);
});

test("what an application had goes when it leaves the target state, also while the node was off", async (context) => {
  const directory = await scratch();
  const { api } = await start(context, { directory });
  await api.stop();
  const second = await startApi(context, { directory, targets: testTargets.slice(1) });
  assert.deepEqual(await states(second), []);
  await second.stop();
  const third = await startApi(context, { directory });
  assert.deepEqual(await states(third), []);
  const { body } = await third.call("GET", `${support}/subscriptions`);
  assert.deepEqual((body as { _links: { subscriptions: unknown[] } })._links.subscriptions, []);
});
