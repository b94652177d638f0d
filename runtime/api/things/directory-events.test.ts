import assert from "node:assert/strict";
import { test } from "node:test";
import { appPrincipal } from "../http/test-api.ts";
import { testPlugins } from "../test-api-node.ts";
import type { ApiPlugin } from "../types.ts";
import { eventsOf, serveThings } from "./test-things.ts";

const [weather, lamp, camera] = testPlugins as [ApiPlugin, ApiPlugin, ApiPlugin];
const sse = { headers: { accept: "text/event-stream" } };

async function next(events: ReturnType<typeof eventsOf>): Promise<string> {
  const { value, done } = await events.next();
  assert.equal(done, false);
  return `${value!.event} ${JSON.parse(value!.data).title}`;
}

test("a thing that comes, changes or goes is told, and one that only starts is not", async () => {
  const { ask, node } = await serveThings({ plugins: [weather, lamp] });
  const events = eventsOf(await ask("/events", sse));
  node.setPlugins([{ ...weather, running: false }, lamp]);
  node.setPlugins([weather, lamp, camera]);
  assert.equal(await next(events), "thing_created camera");
  node.setPlugins([weather, { ...lamp, points: lamp.points.slice(1) }, camera]);
  assert.equal(await next(events), "thing_updated lamp");
  node.setPlugins([weather, camera]);
  assert.equal(await next(events), "thing_deleted lamp");
});

test("one kind of events can be had alone, and of things that the asker may use", async () => {
  const { ask, node } = await serveThings({
    plugins: [weather],
    principals: [appPrincipal("tester", { read: ["lamp/**"], write: [] })],
  });
  const created = eventsOf(await ask("/events/thing_created", sse));
  const all = eventsOf(await ask("/events", sse));
  node.setPlugins([weather, camera]);
  node.setPlugins([weather, camera, lamp]);
  node.setPlugins([]);
  node.setPlugins([lamp]);
  assert.deepEqual([await next(created), await next(created)], ["thing_created lamp", "thing_created lamp"]);
  assert.deepEqual(
    [await next(all), await next(all), await next(all)],
    ["thing_created lamp", "thing_deleted lamp", "thing_created lamp"],
  );
  assert.equal((await ask("/events/thing_painted", sse)).status, 404);
});
