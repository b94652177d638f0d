import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { checkOptions, pointsOf } from "./check.ts";
import { type OnvifOptions, optionsSchema } from "./options.ts";

const validate = new Ajv2020({ useDefaults: true, strict: false }).compile<OnvifOptions>(optionsSchema);

function filled(given: Record<string, unknown>): OnvifOptions {
  const options: unknown = structuredClone(given);
  if (!validate(options)) throw new Error(JSON.stringify(validate.errors));
  return options;
}

test("each finding points at its option", () => {
  const event = { topics: ["a"] };
  const cases: [Record<string, unknown>, string[]][] = [
    [{}, []],
    [{ host: "fe80::1%eth0" }, []],
    [{ host: "fe80::1" }, ["/host"]],
    [{ host: "1:2" }, ["/host"]],
    [{ user: "u" }, ["/user"]],
    [{ password: { secret: "s" } }, ["/password"]],
    [{ tls: { ca: "/a", fingerprint: "ab".repeat(32) } }, ["/tls/ca"]],
    [
      { events: { points: { online: event, "ptz/x": event, a: event, A: event } } },
      ["/events/points/A", "/events/points/online", "/events/points/ptz~1x"],
    ],
    [{ ptz: { pan: [0.5, -0.5] } }, ["/ptz/pan"]],
  ];
  for (const [given, pointers] of cases) {
    assert.deepEqual(
      checkOptions(filled(given)).map(({ pointer }) => pointer),
      pointers,
      JSON.stringify(given),
    );
  }
});

test("hosts with a port, a path or a user, and texts as passwords are refused", () => {
  for (const bad of [
    { host: "http://c" },
    { host: "c/d" },
    { host: "u@c" },
    { host: "" },
    { password: "x" },
    { path: "x" },
  ]) {
    assert.throws(() => filled(bad), JSON.stringify(bad));
  }
});

test("points are those that are switched on", () => {
  const names = (given: Record<string, unknown>): string[] => pointsOf(filled(given)).map(({ name }) => name);
  assert.ok(
    names({}).includes("motion") && names({}).includes("stream/lost") && !names({}).includes("ptz/stop"),
  );
  assert.ok(!names({ events: { enabled: false } }).includes("motion"));
  assert.ok(!names({ stream: { intervalMs: 0 } }).includes("stream/online"));
  assert.ok(names({ ptz: { enabled: true } }).includes("ptz/stop"));
});

test("the schemas of commands refuse what is no move", () => {
  const points = pointsOf(filled({ ptz: { enabled: true, maxContinuousMs: 1000 } }));
  const fits = (name: string, value: unknown): boolean => {
    const schema = points.find((point) => point.name === name)?.schema;
    assert.ok(schema);
    return new Ajv2020({ strict: false }).compile(schema)(value) as boolean;
  };
  assert.ok(fits("ptz/absolute", { pan: 1, speed: 0.1 }));
  for (const value of [{}, { pan: 2 }, { zoom: -0.1 }, { roll: 1 }, { speed: 1 }, 5])
    assert.ok(!fits("ptz/absolute", value));
  assert.ok(
    fits("ptz/continuous", { zoom: -1, timeoutMs: 1000 }) &&
      !fits("ptz/continuous", { zoom: 1, timeoutMs: 1001 }),
  );
});
