import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import { type Api, camera, restService, startApi, weather } from "./test-mec011.ts";

const scratch = createScratch();
const root = "/mec_app_support/v1/registrations";

async function start(context: TestContext, more: Partial<Parameters<typeof startApi>[1]> = {}): Promise<Api> {
  return startApi(context, { directory: await scratch(), ...more });
}

test("an application registers itself under the identifier that it has, and may do so again", async (context) => {
  const api = await start(context);
  const first = await api.call("POST", root, { body: { appName: "weather", more: 1 } });
  assert.deepEqual(first.body, { appName: "weather", appInstanceId: weather });
  assert.equal(first.headers.get("location"), `${api.url}${root}/${weather}`);
  const again = await api.call("POST", root, { body: { appName: "weather 2", appInstanceId: weather } });
  assert.equal(again.status, 201);
  assert.deepEqual((await api.call("GET", `${root}/${weather}`)).body, again.body);
  const other = await api.call("POST", root, { body: { appName: "camera", appInstanceId: camera } });
  assert.equal(other.status, 403);
  const nowhere = await api.call("POST", root, { body: { appName: "weather", isInsByMec: false } });
  assert.equal(nowhere.status, 400);
});

test("a person registers a guest, which goes with all that it had", async (context) => {
  const api = await start(context, { limits: { guests: 1 } });
  const as = "person";
  const made = await api.call("POST", root, { as, body: { appName: "guest" } });
  assert.equal(made.status, 201);
  const { appInstanceId } = made.body as { appInstanceId: string };
  const services = `/mec_service_mgmt/v1/applications/${appInstanceId}/services`;
  assert.equal((await api.call("POST", services, { as, body: restService })).status, 201);
  assert.equal((await api.call("POST", root, { as, body: { appName: "second" } })).status, 403);
  await api.mec.setApps();
  assert.equal((await api.call("GET", services, { as })).status, 200);
  assert.equal((await api.call("DELETE", `${root}/${appInstanceId}`, { as })).status, 204);
  assert.equal((await api.call("GET", services, { as })).status, 404);
  assert.deepEqual((await api.call("GET", "/mec_service_mgmt/v1/services")).body, []);
});

test("time is told with what is known of it", async (context) => {
  const clock = { nowMs: () => 1_577_836_800_250 };
  for (const [synchronized, timeSourceStatus] of [
    [true, "TRACEABLE"],
    [false, "NONTRACEABLE"],
  ] as const) {
    const api = await start(context, { clock, synchronized });
    const { body } = await api.call("GET", "/mec_app_support/v2/timing/current_time");
    assert.deepEqual(body, { seconds: 1_577_836_800, nanoSeconds: 250_000_000, timeSourceStatus });
    const caps = await api.call("GET", "/mec_app_support/v1/timing/timing_caps");
    assert.deepEqual(caps.body, { timeStamp: { seconds: 1_577_836_800, nanoSeconds: 250_000_000 } });
  }
});

test("both roots of application support serve the same, and each links to itself", async (context) => {
  const api = await start(context);
  const made = await api.call("POST", "/mec_app_support/v2/registrations", { body: { appName: "weather" } });
  assert.equal(made.headers.get("location"), `${api.url}/mec_app_support/v2/registrations/${weather}`);
  assert.equal((await api.call("GET", `${root}/${weather}`)).status, 200);
});
