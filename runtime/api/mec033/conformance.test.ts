/** Each of the 40 pairs of operation and status that ETSI's document lists, provoked over HTTP. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { problemSchema } from "../etsi-words.ts";
import { deviceInfoSchema } from "./schema/device.ts";
import { platformInfoSchema } from "./schema/platform.ts";
import { etsiOperations } from "./test-etsi-operations.ts";
import { serveMec033, testDevice, testPlatform } from "./test-mec033.ts";

const { ask, mec033 } = await serveMec033();
const compile = (schema: object) => new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
const fits = {
  device: compile(deviceInfoSchema),
  devices: compile({ type: "array", minItems: 1, items: deviceInfoSchema }),
  platform: compile(platformInfoSchema),
  platforms: compile({ type: "array", minItems: 1, items: platformInfoSchema }),
  problem: compile(problemSchema),
};
type Body = keyof typeof fits;

const own = { device: "weather.station.temperature", platform: "lamp-0042" };
const stale = { "if-match": '"of another time"' };
/** A root that this API does not have. */
const astray = { root: "/iots/v9" };
const noScope = { as: "noscope" };

await ask("POST", "/registered_devices", { body: testDevice("dev") });
await ask("POST", "/registered_devices", { body: testDevice("others"), as: "other" });
await ask("POST", "/registered_iot_platforms", { body: testPlatform("plat") });
await ask("POST", "/registered_iot_platforms", { body: testPlatform("others"), as: "other" });
for (const name of ["gone-1", "gone-2"]) {
  await ask("POST", "/registered_devices", { body: testDevice(name) });
  await ask("POST", "/registered_iot_platforms", { body: testPlatform(name) });
}

interface Case {
  operation: string;
  status: number;
  /** What is done, for people. */
  how: string;
  ask: () => Promise<Response>;
  body?: Body;
}

const cases: Case[] = [];
function add(
  operation: string,
  status: number,
  how: string,
  run: () => Promise<Response>,
  body?: Body,
): void {
  cases.push({ operation, status, how, ask: run, ...(body && { body }) });
}

const kinds = [
  {
    list: "/registered_devices",
    name: "registereddevices",
    one: "device" as const,
    all: "devices" as const,
    known: "dev",
    make: (id: string, more: object = {}) => ({ ...testDevice(id), ...more }),
    wrong: { deviceId: 7 },
    own: own.device,
    badList: ["?filter=(eq,enabled", "?filter=(like,enabled,TRUE)", "?fields=nothing", "?nonsense=1"],
    badOne: "?fields=deviceId",
  },
  {
    list: "/registered_iot_platforms",
    name: "registerediotplatforms",
    one: "platform" as const,
    all: "platforms" as const,
    known: "plat",
    make: (id: string, more: object = {}) => ({ ...testPlatform(id), ...more }),
    wrong: { userTransportInfo: [] },
    own: own.platform,
    badList: ["?fields=nothing", "?filter=(eq,enabled,TRUE)"],
    badOne: "?fields=nothing",
  },
];

for (const { list, name, one, all, known, make, wrong, own: ours, badList, badOne } of kinds) {
  const at = (id: string) => `${list}/${id}`;
  const byId = `${name}ById`;

  add(`${name}GET`, 200, "all", () => ask("GET", list), all);
  add(`${name}GET`, 200, "under the alias", () => ask("GET", list, { root: "/amsi/v1" }), all);
  for (const query of badList) add(`${name}GET`, 400, query, () => ask("GET", list + query));
  add(`${name}GET`, 403, "without the scope", () => ask("GET", list, noScope));
  add(`${name}GET`, 404, "at another version", () => ask("GET", list, astray));

  add(`${name}POST`, 201, "a new one", () => ask("POST", list, { body: make("new") }), one);
  add(`${name}POST`, 400, "a wrong attribute", () => ask("POST", list, { body: make("bad", wrong) }));
  add(`${name}POST`, 400, "nothing in it", () => ask("POST", list, { body: {} }));
  add(`${name}POST`, 403, "without the scope", () => ask("POST", list, { body: make("x"), ...noScope }));
  add(`${name}POST`, 403, "a name that is taken", () => ask("POST", list, { body: make(known) }));
  add(`${name}POST`, 403, "a name of the node's", () => ask("POST", list, { body: make(ours) }));
  add(`${name}POST`, 404, "at another version", () => ask("POST", list, { body: make("x"), ...astray }));

  add(`${byId}GET`, 200, "a registered one", () => ask("GET", at(known)), one);
  add(`${byId}GET`, 200, "one of the node's", () => ask("GET", at(ours)), one);
  add(`${byId}GET`, 400, badOne, () => ask("GET", at(known) + badOne));
  add(`${byId}GET`, 403, "without the scope", () => ask("GET", at(known), noScope));
  add(`${byId}GET`, 404, "an unknown one", () => ask("GET", at("nobody")));

  const body = make(known);
  add(`${byId}PUT`, 200, "without a condition", () => ask("PUT", at(known), { body }), one);
  add(
    `${byId}PUT`,
    200,
    "with the version that is there",
    async () => {
      const etag = (await ask("GET", at(known))).headers.get("etag")!;
      return ask("PUT", at(known), { body, headers: { "if-match": etag } });
    },
    one,
  );
  add(`${byId}PUT`, 400, "a wrong attribute", () => ask("PUT", at(known), { body: make(known, wrong) }));
  add(`${byId}PUT`, 400, "another id", () => ask("PUT", at(known), { body: make("renamed") }));
  add(`${byId}PUT`, 403, "without the scope", () => ask("PUT", at(known), { body, ...noScope }));
  add(`${byId}PUT`, 403, "somebody else's", () => ask("PUT", at("others"), { body: make("others") }));
  add(`${byId}PUT`, 403, "the node's", () => ask("PUT", at(ours), { body: make(ours) }));
  add(`${byId}PUT`, 404, "an unknown one", () => ask("PUT", at("nobody"), { body: make("nobody") }));
  add(`${byId}PUT`, 412, "with another version", () => ask("PUT", at(known), { body, headers: stale }));

  add(`${byId}DELETE`, 204, "its own", () => ask("DELETE", at("gone-1")));
  add(`${byId}DELETE`, 204, "as one who maintains", () => ask("DELETE", at("gone-2"), { as: "anna" }));
  add(`${byId}DELETE`, 403, "without the scope", () => ask("DELETE", at(known), noScope));
  add(`${byId}DELETE`, 403, "somebody else's", () => ask("DELETE", at("others")));
  add(`${byId}DELETE`, 403, "the node's", () => ask("DELETE", at(ours)));
  add(`${byId}DELETE`, 404, "an unknown one", () => ask("DELETE", at("nobody")));
}

for (const { operation, status, how, ask: run, body } of cases) {
  test(`${operation} ${status}: ${how}`, async () => {
    const response = await run();
    const text = await response.text();
    assert.equal(response.status, status, text);
    if (status === 204) return assert.equal(text, "");
    const isProblem = status >= 400;
    const type = isProblem ? "application/problem+json" : "application/json";
    assert.equal(response.headers.get("content-type"), type);
    const judge = fits[isProblem ? "problem" : body!];
    assert.ok(judge(JSON.parse(text)), JSON.stringify(judge.errors));
    if (isProblem) assert.equal(JSON.parse(text).status, status);
    if (status === 201) {
      const location = response.headers.get("location")!;
      assert.equal((await ask("GET", new URL(location).pathname, { root: "" })).status, 200, location);
    }
    if (!isProblem && body === "device") assert.match(response.headers.get("etag")!, /^"[\w-]{22}"$/);
  });
}

test("the cases are all pairs that ETSI lists, and no others; 40", () => {
  const tried = new Set(cases.map(({ operation, status }) => `${operation} ${status}`));
  const listed = Object.entries(etsiOperations).flatMap(([operation, { statuses }]) =>
    statuses.map((status) => `${operation} ${status}`),
  );
  assert.equal(listed.length, 40);
  assert.deepEqual([...tried].sort(), listed.sort());
});

test("the routes are ETSI's ten operations, and each answers what ETSI lists", () => {
  const { routes } = mec033.family;
  assert.deepEqual(
    routes.map(({ operationId, method, path }) => [operationId, `${method.toUpperCase()} ${path}`]),
    Object.entries(etsiOperations).map(([operation, { on }]) => [operation, on]),
  );
  for (const { operationId, responses } of routes) {
    for (const status of etsiOperations[operationId]!.statuses) {
      // What a document of 200 to 204 does not name can't be answered.
      assert.ok(status in responses, `${operationId} ${status}`);
    }
  }
});
