import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeCbor } from "../../senml/cbor.ts";
import { decodeJson } from "../../senml/json.ts";
import { appPrincipal } from "../http/test-api.ts";
import { problemOf, serveThings } from "./test-things.ts";

const { ask, node } = await serveThings({
  principals: [appPrincipal("tester"), appPrincipal("near", { read: ["weather/station/wind"] })],
});
const timeMs = Date.UTC(2026, 10, 30, 12);
node.emit({ plugin: "weather", point: "station/temperature", value: 21.5, unit: "Cel", timeMs });
node.emit({
  plugin: "weather",
  point: "station/wind",
  value: null,
  quality: "bad",
  reason: "no answer within 500 ms",
});
const record = { n: "lamp-0042/weather/station/temperature", u: "Cel", v: 21.5, t: timeMs / 1000 };
const accept = (type: string) => ({ headers: { accept: type } });

test("a property is its last value, with quality and time beside it", async () => {
  const response = await ask("/things/weather/properties/station.temperature");
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.headers.get("umec-quality"), "good");
  assert.equal(response.headers.get("umec-time"), "2026-11-30T12:00:00.000Z");
  assert.equal(await response.json(), 21.5);
});

test("a slash in a point's name may be written as %2F, too", async () => {
  assert.equal(await (await ask("/things/weather/properties/station%2Ftemperature")).json(), 21.5);
});

test("it is a SenML pack in JSON or CBOR when that is asked for", async () => {
  const json = await ask("/things/weather/properties/station.temperature", accept("application/senml+json"));
  assert.deepEqual(decodeJson(await json.text()), [record]);
  const cbor = await ask("/things/weather/properties/station.temperature", accept("application/senml+cbor"));
  assert.equal(cbor.headers.get("content-type"), "application/senml+cbor");
  assert.deepEqual(decodeCbor(await cbor.bytes()), [record]);
});

test("a bad reading without a value is null, and SenML tells why", async () => {
  const path = "/things/weather/properties/station.wind";
  const response = await ask(path);
  assert.equal(response.headers.get("umec-quality"), "bad");
  assert.equal(await response.json(), null);
  assert.deepEqual(JSON.parse(await (await ask(path, accept("application/senml+json"))).text()), [
    {
      n: "lamp-0042/weather/station/wind",
      vs: "",
      "umec:quality": "bad",
      "umec:reason": "no answer within 500 ms",
    },
  ]);
});

test("all properties come at once, those that may be read", async () => {
  const all = await (await ask("/things/weather/properties")).json();
  assert.deepEqual(all, { "station/temperature": 21.5, "station/wind": null });
  const near = { headers: { authorization: "Bearer near" } };
  assert.deepEqual(await (await ask("/things/weather/properties", near)).json(), { "station/wind": null });
  const pack = await ask("/things/weather/properties", accept("application/senml+json"));
  assert.equal(decodeJson(await pack.text()).length, 2);
});

test("what may not be read is refused alike, whether it is there or not", async () => {
  const near = { headers: { authorization: "Bearer near" } };
  for (const path of ["weather/properties/station.temperature", "nothing/properties/at.all"]) {
    const response = await ask(`/things/${path}`, near);
    assert.equal(response.status, 403, path);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
  }
});

test("a point that was not read yet is bad, and says why; one that nobody knows is not there", async () => {
  const path = "/things/lamp/properties/dimmer.power";
  const response = await ask(path);
  assert.equal(response.headers.get("umec-quality"), "bad");
  assert.equal(await response.json(), null);
  const [senml] = JSON.parse(await (await ask(path, accept("application/senml+json"))).text());
  assert.equal(senml["umec:reason"], "no reading since the node started");
  assert.deepEqual(await (await ask("/things/lamp/properties")).json(), {
    "dimmer/level": null,
    "dimmer/power": null,
  });
  for (const unknown of [
    "lamp/properties/dimmer.nothing",
    "lamp/properties/dimmer.reset",
    "nothing/properties/x",
  ]) {
    assert.equal((await ask(`/things/${unknown}`)).status, 404, unknown);
  }
  assert.equal((await ask("/things/nothing/properties/x", accept("text/event-stream"))).status, 404);
});

test("bytes are base64 in JSON, and data in SenML", async () => {
  node.emit({ plugin: "weather", point: "station/raw", value: Uint8Array.of(0xfb, 0xff) });
  assert.equal(await (await ask("/things/weather/properties/station.raw")).json(), "+/8=");
  const pack = await ask("/things/weather/properties/station.raw", accept("application/senml+json"));
  assert.equal(JSON.parse(await pack.text())[0].vd, "-_8");
});

test("a representation that nobody can make is 406", async () => {
  assert.equal((await ask("/things/weather/properties/station.raw", accept("image/png"))).status, 406);
});

test("a point that can be set is set by PUT, through the node's gate", async () => {
  const set = (point: string, body: unknown) =>
    ask(`/things/lamp/properties/${point}`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  assert.equal((await set("dimmer.level", 40)).status, 204);
  assert.deepEqual(node.commands.at(-1), {
    plugin: "lamp",
    point: "dimmer/level",
    value: 40,
    ttlMs: 5000,
    by: "app tester",
  });
  assert.equal((await set("dimmer.level", undefined)).status, 400);
  const tooMuch = await set("dimmer.level", 140);
  assert.equal(tooMuch.status, 400);
  assert.equal((await problemOf(tooMuch)).code, "COMMAND_INVALID");
  assert.equal((await problemOf(await set("dimmer.power", 1))).code, "COMMAND_READ_ONLY");
  assert.equal((await set("dimmer.reset", null)).status, 409);
  assert.equal((await set("dimmer.nothing", 1)).status, 404);
});
