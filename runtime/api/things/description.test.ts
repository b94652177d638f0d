import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { appPrincipal } from "../http/test-api.ts";
import { tdSchema } from "./schema.ts";
import { serveThings } from "./test-things.ts";

const fits = new Ajv2020({ strict: false, validateFormats: false }).compile(tdSchema);
const { ask, node, url } = await serveThings({
  broker: { urls: ["wss://192.0.2.1:9222"] },
  principals: [
    appPrincipal("tester"),
    appPrincipal("reader", {
      scopes: new Set(["things_read"]),
      read: ["weather/station/*", "lamp/dimmer/level"],
    }),
    appPrincipal("stranger", { read: [], write: [] }),
  ],
});
const as = (name: string) => ({ headers: { authorization: `Bearer ${name}` } });
// biome-ignore lint/suspicious/noExplicitAny: what a client sees has no type
type Any = any;
const json = async (response: Response): Promise<Any> => response.json();

test("the well-known directory is there without a token, and names none of the things", async () => {
  const response = await fetch(`${url}/.well-known/wot`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/td+json");
  const td = await json(response);
  assert.equal(td["@type"], "ThingDirectory");
  assert.equal(td.securityDefinitions.oauth2.token, `${url}/oauth2/v1/token`);
  assert.equal(new URL(td.events.thingCreated.forms[0].href, td.base).href, `${url}/events/thing_created`);
  assert.equal(new URL("things", td.base).href, `${url}/things`);
  assert.doesNotMatch(JSON.stringify(td), /weather|lamp\/|camera/);
});

test("a plugin is a thing whose points are properties, actions or both", async () => {
  node.emit({ plugin: "weather", point: "station/temperature", value: 21.5, unit: "Cel" });
  node.emit({ plugin: "weather", point: "station/learnt", value: true });
  const list = await json(await ask("/things"));
  assert.deepEqual(
    list.map((td: Any) => td.title),
    ["weather", "lamp", "camera"],
  );
  for (const td of list) assert.ok(fits(td), JSON.stringify(fits.errors));

  const [weather, lamp, camera] = list;
  assert.deepEqual(Object.keys(weather.properties), [
    "station/temperature",
    "station/wind",
    "station/learnt",
  ]);
  const { unit, oneOf, readOnly } = weather.properties["station/temperature"];
  assert.deepEqual(
    { unit, oneOf, readOnly },
    {
      unit: "Cel",
      oneOf: [{ type: "number" }, { type: "null" }],
      readOnly: true,
    },
  );
  assert.equal(weather.properties["station/wind"].oneOf, undefined);

  assert.deepEqual(Object.keys(lamp.actions), ["dimmer/level", "dimmer/reset"]);
  assert.deepEqual(lamp.actions["dimmer/level"].input, {
    type: "number",
    minimum: 0,
    maximum: 100,
    unit: "%",
  });
  assert.equal(lamp.properties["dimmer/level"].readOnly, false);
  assert.equal(lamp.properties["dimmer/reset"], undefined);

  assert.deepEqual(
    camera.properties["camera/frame"].forms.map((form: Any) => form.contentType),
    ["image/jpeg", "multipart/x-mixed-replace"],
  );
});

test("each form's URL is one that the API answers", async () => {
  const td = await json(await ask("/things/lamp"));
  node.emit({ plugin: "lamp", point: "dimmer/level", value: 10 });
  node.emit({ plugin: "lamp", point: "dimmer/power", value: 3 });
  const forms = [...Object.values<Any>(td.properties), td].flatMap((part) => part.forms);
  const reading = forms.filter((form) => String(form.op).startsWith("read"));
  assert.equal(reading.length, 9);
  for (const { href, contentType } of reading) {
    const response = await ask(new URL(href, td.base).pathname, { headers: { accept: contentType } });
    assert.equal(response.status, 200, href);
    assert.equal(response.headers.get("content-type"), contentType);
    await response.bytes();
  }
});

test("where there is a bus, observing has a form for it, with the subject", async () => {
  const td = await json(await ask("/things/weather"));
  const form = td.properties["station/wind"].forms.find((each: Any) => each.subprotocol === "nats");
  assert.equal(form.href, "wss://192.0.2.1:9222");
  assert.equal(form["nats:subject"], "umec.lamp-0042.weather.telemetry.station.wind");
});

test("a thing shows only what the asker may use, and is not there for who may use nothing", async () => {
  const things = await json(await ask("/things", as("reader")));
  assert.deepEqual(
    things.map((td: Any) => [td.title, Object.keys(td.properties), Object.keys(td.actions)]),
    [
      ["weather", ["station/temperature", "station/wind", "station/learnt"], []],
      ["lamp", ["dimmer/level"], []],
    ],
  );
  assert.equal(things[1].properties["dimmer/level"].readOnly, true);
  assert.equal((await ask("/things/camera", as("reader"))).status, 404);
  assert.deepEqual(await json(await ask("/things", as("stranger"))), []);
  assert.equal((await ask("/things/nothing")).status, 404);
  assert.equal((await fetch(`${url}/things`)).status, 401);
});

test("a thing is found by its id as well, which goes with node and plugin", async () => {
  const { id } = await json(await ask("/things/weather"));
  assert.match(id, /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  const again = await json(await ask(`/things/${encodeURIComponent(id)}`));
  assert.equal(again.title, "weather");
  assert.notEqual((await json(await ask("/things/lamp"))).id, id);
});

test("the list comes in pages, each with a link to the next", async () => {
  const titles: string[] = [];
  let next: string | undefined = "/things?limit=2";
  while (next !== undefined) {
    const response: Response = await ask(next);
    titles.push(...(await json(response)).map((td: Any) => td.title));
    next = /^<(.+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
  }
  assert.deepEqual(titles, ["weather", "lamp", "camera"]);
  const collection = await json(await ask("/things?limit=2&format=collection"));
  assert.equal(collection.total, 3);
  assert.equal(collection.members.length, 2);
  assert.equal(collection.next, "/things?offset=2&limit=2&format=collection");
  assert.equal((await ask("/things?limit=0")).status, 400);
});
