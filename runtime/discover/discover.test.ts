import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { UmecError } from "../errors.ts";
import type { DiscoverOptions, Driver, Found } from "../plugin/contract.ts";
import { recordingLog } from "../plugin/testkit.ts";
import type { DriverSource } from "../target/types.ts";
import { Fragment } from "./fragment.ts";
import { type Discovery, look } from "./look.ts";

const log = recordingLog(() => {});

function source(
  looks: Record<string, ((options: DiscoverOptions) => AsyncIterable<Found>) | undefined>,
): DriverSource {
  return {
    names: () => Object.keys(looks),
    async load(name) {
      const discover = looks[name];
      const manifest = {
        name,
        version: "1.0.0",
        kind: "low" as const,
        summary: "",
        options: Type.Object({}),
        points: () => [],
        needs: () => ({}),
      };
      return { manifest, run: async () => {}, ...(discover && { discover }) } satisfies Driver;
    },
  };
}

async function* found(...things: Found[]): AsyncGenerator<Found> {
  yield* things;
}

async function* broken(): AsyncGenerator<Found> {
  yield { summary: "first" };
  throw new UmecError("BUS_BUSY", "the bus is busy");
}

async function lookAt(
  drivers: DriverSource,
  options: { only?: string; at?: string; timeoutMs?: number } = {},
) {
  const signal = new AbortController().signal;
  return Array.fromAsync(look({ drivers, log, signal, timeoutMs: 5_000, ...options }));
}

test("what one driver can't look at does not hide what another finds", async () => {
  const drivers = source({ a: broken, b: undefined, c: () => found({ summary: "second" }) });
  const all = await lookAt(drivers);
  const told = all.map((one: Discovery) =>
    one.kind === "found" ? one.found.summary : (one.error as Error).message,
  );
  assert.deepEqual(told, ["first", "the bus is busy", "second"]);
});

test("a driver that does not end is left after the time that there is", async () => {
  async function* endless({ signal }: DiscoverOptions): AsyncGenerator<Found> {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    yield await promise;
  }
  const [last] = await lookAt(source({ a: endless }), { timeoutMs: 20 });
  assert.ok(last?.kind === "failed");
  assert.match((last.error as Error).message, /within 0.02 s/);
});

test("one driver alone is told where to look; one that can't look says so", async () => {
  const drivers = source({ a: ({ at }) => found({ summary: `at ${at}` }), b: undefined });
  const [one] = await lookAt(drivers, { only: "a", at: "/dev/ttyUSB0" });
  assert.ok(one?.kind === "found");
  assert.equal(one.found.summary, "at /dev/ttyUSB0");
  await assert.rejects(lookAt(drivers, { only: "b" }), { code: "DISCOVER_UNABLE" });
});

test("chips of one bus become one plugin, another bus another", () => {
  const fragment = new Fragment();
  const chip = (bus: number, name: string, address: number): Found => ({
    summary: name,
    plugin: { name: "i2c", options: { bus, devices: { [name]: { address } } } },
  });
  fragment.add("i2c", chip(1, "t0", 0x48));
  fragment.add("i2c", chip(1, "t1", 0x49));
  fragment.add("i2c", chip(2, "t0", 0x48));
  fragment.add("gpio", { summary: "named like the bus", plugin: { name: "i2c", options: {} } });
  fragment.add("gpio", { summary: "nothing that a plugin could read" });
  assert.deepEqual(fragment.plugins, {
    i2c: { driver: "i2c", options: { bus: 1, devices: { t0: { address: 0x48 }, t1: { address: 0x49 } } } },
    "i2c-2": { driver: "i2c", options: { bus: 2, devices: { t0: { address: 0x48 } } } },
    "i2c-3": { driver: "gpio", options: {} },
  });
  assert.match(fragment.toYaml(), /^plugins:\n {2}i2c:\n {4}driver: i2c\n/);
});
