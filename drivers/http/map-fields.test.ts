import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mapFields } from "./map-fields.ts";

const rule = { type: "number", coerce: false, scale: 1, offset: 0, required: true } as const;
const time = { pointer: "/at", format: "rfc3339" } as const;
const at = "2026-07-01T12:00:00Z";
const timeMs = Date.parse(at);

test("fields become samples with the observation time and the unit", () => {
  const points = {
    "air/temp": { ...rule, pointer: "/now/t", unit: "Cel" },
    sky: { ...rule, pointer: "/now/sky/0", type: "string" as const },
  };
  const mapped = mapFields("w", { at, now: { t: 21.5, sky: ["clear"] } }, { points, time });
  assert.deepEqual(mapped, {
    groups: [
      {
        key: "",
        timeMs,
        samples: [
          { name: "w/air/temp", value: 21.5, unit: "Cel", timeMs },
          { name: "w/sky", value: "clear", timeMs },
        ],
      },
    ],
    problems: [],
  });
});

test("what can't be mapped is told with its pointer and what is there, and takes nothing else with it", () => {
  const points = {
    good: { ...rule, pointer: "/now/t" },
    gone: { ...rule, pointer: "/now/temp/deep" },
    nothing: { ...rule, pointer: "/now/none" },
    wrong: { ...rule, pointer: "/now/text" },
    optional: { ...rule, pointer: "/now/nowhere", required: false },
    optionalNull: { ...rule, pointer: "/now/none", required: false },
  };
  const { groups, problems } = mapFields("w", { now: { t: 1, none: null, text: "n/a" } }, { points, time });
  assert.deepEqual(groups[0]?.samples, [{ name: "w/good", value: 1 }]);
  assert.deepEqual(
    problems.map(({ message }) => message),
    [
      "observation time: /at is missing: the response is an object with now",
      "w/gone: /now/temp/deep is missing: /now is an object with t, none, text",
      "w/nothing: /now/none is null",
      'w/wrong: /now/text is the string "n/a", no number',
    ],
  );
});

const each = { pointer: "/list", name: "/id", points: { t: { ...rule, pointer: "/t" } }, limit: 3 };

test("each element of a list has a group, a name and a time of its own", () => {
  const list = [
    { id: "north", t: 1, at },
    { id: 42, t: 2 },
  ];
  const own = { ...each, time: { pointer: "/at", format: "rfc3339" as const } };
  const { groups, problems } = mapFields("w", { list }, { points: {}, each: own });
  assert.deepEqual(groups, [
    { key: "north", timeMs, samples: [{ name: "w/north/t", value: 1, timeMs }] },
    { key: "42", timeMs: undefined, samples: [{ name: "w/42/t", value: 2 }] },
  ]);
  assert.deepEqual(
    problems.map(({ message }) => message),
    ["observation time: /list/1/at is missing: /list/1 is an object with id, t"],
  );
});

test("elements take the response's time where they have no rule of their own", () => {
  const { groups } = mapFields("w", { at, list: [{ id: "a", t: 1 }] }, { points: {}, each, time });
  assert.equal(groups[0]?.timeMs, timeMs);
});

test("names are brought into the form of a sample's name; repeated and unusable ones are told", () => {
  const list = [{ id: "Haus 3/Süd", t: 1 }, { id: "Haus 3 Süd", t: 2 }, { id: {} }];
  const { groups, problems } = mapFields("w", { list }, { points: {}, each });
  assert.deepEqual(
    groups.map(({ key }) => key),
    ["Haus-3-S-d"],
  );
  assert.deepEqual(
    problems.map(({ message }) => message),
    ["element: /list/1/id is Haus-3-S-d again; only the first is read"],
  );
});

test("a list is read up to its limit, and one problem stands for all elements", () => {
  const list = Array.from({ length: 5 }, (_, index) => ({ id: `s${index}` }));
  const { groups, problems } = mapFields("w", { list }, { points: {}, each });
  assert.equal(groups.length, 3);
  assert.deepEqual(
    problems.map(({ message }) => message),
    ["list: /list has 5 elements, 3 are read", "w/s0/t: /list/0/t is missing: /list/0 is an object with id"],
  );
});

test("no list where one should be", () => {
  const told = (document: unknown) => mapFields("w", document, { points: {}, each }).problems[0]?.message;
  assert.equal(told({ list: { a: 1 } }), "list: /list is an object with a, no array");
  assert.equal(told([]), "list: /list is missing: the response is an array of 0");
});

test("no document whatever makes it throw", () => {
  const points = { p: { ...rule, pointer: "/list/0/t" } };
  const document = fc.oneof(fc.jsonValue(), fc.record({ list: fc.jsonValue(), at: fc.jsonValue() }));
  fc.assert(
    fc.property(document, (given) => {
      const { groups } = mapFields("w", given, { points, each, time });
      for (const { samples } of groups)
        for (const { name } of samples) assert.match(name, /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/);
    }),
  );
});
