/** A service between two applications on a real bus: found by the API, heard with credentials, and cut off. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startBus } from "../../bus/bus.ts";
import { silentLog } from "../../log.ts";
import { findNatsServer } from "../../nats/find-server.ts";
import { connectApp, loopbackCertificate } from "../../test-app-bus.ts";
import { createScratch } from "../../test-scratch.ts";
import type { ServiceInfo } from "./schema/service.ts";
import { camera, restService, startApi, testTarget, weather } from "./test-mec011.ts";

const scratch = createScratch();

test("a service on the bus is found, heard and void when its consumer loses the right", async (context) => {
  const bus = await startBus({
    ...{ node: "n1", dir: await scratch(), natsServerPath: (await findNatsServer()).path, plugins: [] },
    apps: { host: "127.0.0.1", port: 0, tls: await loopbackCertificate(await scratch()) },
    log: silentLog,
  });
  context.after(() => bus.stop());
  const producer = testTarget();
  const consumer = (subscribe: readonly string[]) =>
    testTarget({ name: "camera", appInstanceId: camera, bus: { publish: [], subscribe } });
  const targets = [producer, consumer(["app.weather.>"])];
  const api = await startApi(context, { directory: await scratch(), targets, realBroker: bus.apps });

  async function join(as: string, app: string, service: string) {
    const path = `/umec_apps/v1/applications/${app}/bus_credentials`;
    const { status, body } = await api.call("POST", path, { as, body: { services: [service] } });
    assert.equal(status, 201, JSON.stringify(body));
    const { creds, urls } = body as { creds: string; urls: string[] };
    const connection = await connectApp(urls[0]!, as, creds);
    context.after(() => connection.close());
    return connection;
  }

  const { transportInfo: _own, ...bare } = restService;
  const made = await api.call("POST", `/mec_service_mgmt/v1/applications/${weather}/services`, {
    body: { ...bare, transportId: "nats" },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const found = await api.call("GET", "/mec_service_mgmt/v1/services?ser_name=weather", { as: "camera" });
  const [service] = found.body as ServiceInfo[];
  const id = service!.serInstanceId;
  const listener = await join("camera", camera, id);
  const heard = listener.subscribe("app.weather.wind", { max: 1 });
  await listener.flush();
  const speaker = await join("weather", weather, id);
  speaker.publish("app.weather.wind", "7");
  for await (const message of heard) assert.equal(message.string(), "7");

  const closed = listener.closed();
  api.targets.current = [producer, consumer([])];
  const startMs = performance.now();
  await api.mec.setApps();
  await closed;
  assert.ok(performance.now() - startMs < 5_000);
  assert.equal(speaker.isClosed(), false);
  const again = await api.call("POST", `/umec_apps/v1/applications/${camera}/bus_credentials`, {
    as: "camera",
    body: { services: [id] },
  });
  assert.equal(again.status, 403);
});
