import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import { ok, startReceiver } from "../notify/test-receiver.ts";
import { type Api, camera, restService, startApi, weather } from "./test-mec011.ts";

const scratch = createScratch();
const root = "/mec_service_mgmt/v1";
const mine = `${root}/applications/${weather}/subscriptions`;
const type = "SerAvailabilityNotificationSubscription";

async function start(context: TestContext, more: Partial<Parameters<typeof startApi>[1]> = {}): Promise<Api> {
  return startApi(context, { directory: await scratch(), ...more });
}

const subscribe = (api: Api, callbackReference: string, more: object = {}) =>
  api.call("POST", mine, { body: { subscriptionType: type, callbackReference, ...more } });

test("a test notification is the first that a subscriber hears", async (context) => {
  const api = await start(context);
  const receiver = await startReceiver(context);
  const { headers, body } = await subscribe(api, receiver.url, { requestTestNotification: true });
  await api.call("POST", `${root}/applications/${weather}/services`, { body: restService });
  await receiver.tries(2);
  const href = headers.get("location");
  assert.deepEqual(receiver.bodies[0], {
    notificationType: "TestNotification",
    _links: { subscription: { href } },
  });
  assert.equal(
    (receiver.bodies[1] as { notificationType: string }).notificationType,
    "SerAvailabilityNotification",
  );
  assert.deepEqual((body as { _links: object })._links, { self: { href } });
});

test("callbacks that no application has are refused, with the reason", async (context) => {
  const api = await start(context);
  for (const callback of ["http://169.254.169.254/", "unix:/run/umec/control.sock", "no uri", "ftp://a/"])
    assert.equal((await subscribe(api, callback)).status, 400, callback);
});

test("criteria that exclude each other are refused", async (context) => {
  const api = await start(context);
  const filteringCriteria = { serNames: ["a"], serInstanceIds: ["b"] };
  const answer = await subscribe(api, "http://127.0.0.1:9/", { filteringCriteria });
  assert.equal(answer.status, 400);
});

test("the list links to each, in the words of both versions", async (context) => {
  const api = await start(context);
  const { headers } = await subscribe(api, "http://127.0.0.1:9/");
  const { body } = await api.call("GET", mine);
  const href = headers.get("location");
  assert.deepEqual(body, {
    _links: { self: { href: api.url + mine }, subscriptions: [{ href, rel: type, subscriptionType: type }] },
  });
});

test("a subscription ends at its deadline, and the subscriber is told before", async (context) => {
  const api = await start(context);
  const receiver = await startReceiver(context);
  const expiryDeadline = { seconds: Math.ceil(Date.now() / 1_000) + 1, nanoSeconds: 0 };
  const { headers } = await subscribe(api, receiver.url, { expiryDeadline });
  const path = new URL(headers.get("location")!).pathname;
  await receiver.tries(1);
  assert.deepEqual(receiver.bodies[0], {
    notificationType: "ExpiryNotification",
    expiryDeadline,
    _links: { subscription: { href: headers.get("location") } },
  });
  assert.equal((await api.call("GET", path)).status, 200);
  while ((await api.call("GET", path)).status === 200)
    assert.ok(Date.now() < expiryDeadline.seconds * 1_000 + 5_000);
  assert.ok(Date.now() >= expiryDeadline.seconds * 1_000);
  assert.equal(
    (await subscribe(api, receiver.url, { expiryDeadline: { seconds: 1, nanoSeconds: 0 } })).status,
    400,
  );
});

test("a subscription whose receiver is gone is removed", async (context) => {
  const api = await start(context);
  const receiver = await startReceiver(context, (response) => response.writeHead(410).end());
  const { headers } = await subscribe(api, receiver.url, { requestTestNotification: true });
  const path = new URL(headers.get("location")!).pathname;
  await receiver.tries(1);
  const deadlineMs = performance.now() + 5_000;
  while ((await api.call("GET", path)).status === 200) assert.ok(performance.now() < deadlineMs);
});

test("an application has so many subscriptions of each kind, and no more", async (context) => {
  const api = await start(context, { limits: { subscriptions: 2 } });
  for (let n = 0; n < 2; n++) assert.equal((await subscribe(api, "http://127.0.0.1:9/")).status, 201);
  assert.equal((await subscribe(api, "http://127.0.0.1:9/")).status, 403);
  const other = await api.call("POST", `/mec_app_support/v1/applications/${weather}/subscriptions`, {
    body: {
      ...{
        subscriptionType: "AppTerminationNotificationSubscription",
        callbackReference: "http://127.0.0.1:9/",
      },
      appInstanceId: weather,
    },
  });
  assert.equal(other.status, 201);
});

test("an application hears of its own end only", async (context) => {
  const api = await start(context);
  const answer = await api.call("POST", `/mec_app_support/v1/applications/${weather}/subscriptions`, {
    body: {
      ...{
        subscriptionType: "AppTerminationNotificationSubscription",
        callbackReference: "http://127.0.0.1:9/",
      },
      appInstanceId: camera,
    },
  });
  assert.equal(answer.status, 400);
});

test("after a restart subscribers are told as before; who has unsubscribed is not", async (context) => {
  const directory = await scratch();
  const receiver = await startReceiver(context, ok);
  const silent = await startReceiver(context, ok);
  const first = await start(context, { directory });
  await subscribe(first, receiver.url);
  const { headers } = await subscribe(first, silent.url);
  await first.call("DELETE", new URL(headers.get("location")!).pathname);
  await first.stop();
  const second = await start(context, { directory });
  await second.call("POST", `${root}/applications/${weather}/services`, { body: restService });
  await receiver.tries(1);
  assert.deepEqual(silent.bodies, []);
});
