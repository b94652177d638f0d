import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { appPrincipal } from "../http/test-api.ts";
import { eventsOf, problemOf, type SeenEvent, serveThings } from "./test-things.ts";

const sse = { headers: { accept: "text/event-stream" } };
const path = "/things/weather/properties/station.temperature";
const reading = (value: number, timeMs?: number) => ({
  plugin: "weather",
  point: "station/temperature",
  value,
  ...(timeMs !== undefined && { timeMs }),
});
const vOf = ({ data }: SeenEvent): unknown => JSON.parse(data)[0].v;

async function take(events: AsyncGenerator<SeenEvent>, count: number): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = [];
  while (seen.length < count) {
    const { value, done } = await events.next();
    if (done) assert.fail(`it ended after ${JSON.stringify(seen)}`);
    seen.push(value);
  }
  return seen;
}

test("an observer gets the last reading, then each one, as SenML with the time as its id", async () => {
  const { ask, node, things } = await serveThings();
  node.emit(reading(1, 1000));
  const response = await ask(path, sse);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const events = eventsOf(response);
  const first = await take(events, 1);
  node.emit(reading(2, 2000.5));
  node.emit({ plugin: "weather", point: "station/wind", value: 9 });
  node.emit(reading(3));
  const all = [...first, ...(await take(events, 2))];
  assert.deepEqual(all.map(vOf), [1, 2, 3]);
  assert.deepEqual(
    all.map(({ id }) => id),
    ["1000", "2000.5", undefined],
  );
  assert.equal(JSON.parse(all[0]!.data)[0].n, "lamp-0042/weather/station/temperature");
  assert.equal(things.streams, 1);
});

test("who comes back is spared what it has had", async () => {
  const { ask, node } = await serveThings();
  node.emit(reading(1, 1000));
  const again = (id: string) => ask(path, { headers: { ...sse.headers, "last-event-id": id } });
  const spared = eventsOf(await again("1000"));
  const behind = eventsOf(await again("999"));
  const strange = eventsOf(await again("not one of ours"));
  node.emit(reading(2, 2000));
  assert.deepEqual((await take(spared, 1)).map(vOf), [2]);
  assert.deepEqual((await take(behind, 2)).map(vOf), [1, 2]);
  assert.deepEqual((await take(strange, 2)).map(vOf), [1, 2]);
});

test("all points of a thing come in one stream, those that may be read", async () => {
  const { ask, node } = await serveThings({
    principals: [appPrincipal("tester", { read: ["weather/station/wind"] })],
  });
  const events = eventsOf(await ask("/things/weather/properties", sse));
  node.emit(reading(1, 1000));
  node.emit({ plugin: "weather", point: "station/wind", value: 9, timeMs: 1000 });
  const [event] = await take(events, 1);
  assert.equal(JSON.parse(event!.data)[0].n, "lamp-0042/weather/station/wind");
});

test("sixty observers of one point cost the node one watch, and none when they left", async () => {
  const { ask, node, things } = await serveThings({ streams: { streamsOfOne: 100 } });
  const leave = new AbortController();
  const observers = await Promise.all(
    Array.from({ length: 60 }, () => ask(path, { ...sse, signal: leave.signal })),
  );
  assert.equal(node.watchers, 1);
  node.emit(reading(7, 7000));
  const seen = await Promise.all(observers.map(async (each) => take(eventsOf(each), 1)));
  assert.deepEqual(seen.flat().map(vOf), Array(60).fill(7));
  leave.abort();
  await until(() => things.streams === 0);
  assert.equal(node.watchers, 0);
});

test("a client that does not read loses the oldest, is told how many, and holds up nobody", async () => {
  const { url, ask, node } = await serveThings({ streams: { queueEvents: 8 } });
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer tester\r\naccept: text/event-stream\r\n\r\n`,
  );
  await once(socket, "readable");
  const quick = eventsOf(await ask(path, sse));
  // More than the kernel's buffers take: the rest has to wait in the queue, where there is room for eight.
  const text = "x".repeat(64 * 1024);
  const count = 400;
  let delivered = 0;
  for (let index = 0; index < count; index++) {
    node.emit({
      plugin: "weather",
      point: "station/temperature",
      value: `${index} ${text}`,
      timeMs: index + 1,
    });
    const [event] = await take(quick, 1);
    delivered += JSON.parse(event!.data)[0].vs.startsWith(`${index} `) ? 1 : 0;
  }
  assert.equal(delivered, count);

  let received = "";
  let last = -1;
  let lost = 0;
  let values = 0;
  for await (const chunk of socket) {
    received += chunk;
    for (let end = received.indexOf("\n\n"); end >= 0; end = received.indexOf("\n\n")) {
      const block = received.slice(0, end);
      received = received.slice(end + 2);
      const value = /"vs":"(\d+) /.exec(block)?.[1];
      if (value !== undefined) {
        assert.ok(Number(value) > last, "in order");
        last = Number(value);
        values++;
      }
      lost += Number(/event: lost\ndata: \{"count":(\d+)\}/.exec(block)?.[1] ?? 0);
    }
    if (last === count - 1) break;
  }
  assert.ok(lost > 0);
  assert.equal(values + lost, count);
  socket.destroy();
});

test("streams are counted for each principal and altogether", async () => {
  const { ask, things } = await serveThings({
    principals: [appPrincipal("tester"), appPrincipal("other"), appPrincipal("third")],
    streams: { streamsOfOne: 2, streams: 3 },
  });
  const as = (name: string) => ask(path, { headers: { ...sse.headers, authorization: `Bearer ${name}` } });
  for (const name of ["tester", "tester", "other"]) assert.equal((await as(name)).status, 200);
  const own = await as("tester");
  assert.equal(own.status, 429);
  assert.equal(own.headers.get("retry-after"), "10");
  assert.match((await problemOf(own)).detail, /tester has 2 streams open/);
  assert.match((await problemOf(await as("third"))).detail, /3 streams are open/);
  assert.equal(things.streams, 3);
});

test("a stream ends when its right is taken, and only that one", async () => {
  const { ask, things, node } = await serveThings({
    principals: [appPrincipal("tester"), appPrincipal("other")],
  });
  const cut = eventsOf(await ask(path, { headers: { ...sse.headers, authorization: "Bearer other" } }));
  const kept = eventsOf(await ask(path, sse));
  things.cut(({ name }) => name === "other");
  assert.equal((await cut.next()).done, true);
  node.emit(reading(5, 5000));
  assert.deepEqual((await take(kept, 1)).map(vOf), [5]);
});

test("a stream ends with the token that opened it", async () => {
  const { ask } = await serveThings({
    principals: [appPrincipal("tester", { expiresAtMs: Date.now() })],
    streams: { keepAliveMs: 10 },
  });
  assert.equal((await eventsOf(await ask(path, sse)).next()).done, true);
});

test("an idle stream shows signs of life", async () => {
  const { ask } = await serveThings({ streams: { keepAliveMs: 10 } });
  const reader = (await ask(path, sse)).body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n:\n\n")) text += (await reader.read()).value;
  assert.match(text, /^retry: 3000\n\n/);
  await reader.cancel();
});

test("the event quality tells when a point turns bad and good again, and begins with what is bad", async () => {
  const { ask, node } = await serveThings();
  node.emit({ ...reading(1, 1000), quality: "bad", reason: "broken" });
  const events = eventsOf(await ask("/things/weather/events/quality", sse));
  const [first] = await take(events, 1);
  node.emit({ ...reading(1, 2000), quality: "bad", reason: "still broken" });
  node.emit(reading(2, 3000));
  const [second] = await take(events, 1);
  assert.deepEqual(
    [first!.event, JSON.parse(first!.data)],
    [
      "quality",
      {
        point: "station/temperature",
        quality: "bad",
        reason: "broken",
        time: "1970-01-01T00:00:01.000Z",
      },
    ],
  );
  assert.deepEqual(JSON.parse(second!.data), {
    point: "station/temperature",
    quality: "good",
    time: "1970-01-01T00:00:03.000Z",
  });
});

/** The server hears of a client that left when its socket closes: asked each turn of the loop until then. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "it did not come");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
