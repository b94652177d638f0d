/** Against a server that somebody else has written: pymodbus, from `.ci/peers`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startDriver } from "../../runtime/plugin/testkit.ts";
import { driver } from "./driver.ts";
import { type ForeignPeer, startForeignPeer } from "./fixtures/foreign-peer.ts";

const units = {
  1: {
    input: { 0: { float32: 230.5 }, 12: { float32: -1250.25 } },
    holding: { 0: 215, 1: { int32: -70_000 }, 10: { text: "lamp" }, 20: 0, 21: { float32: 0 } },
    coil: { 3: true, 4: false },
    discrete: { 7: true },
  },
  9: { holding: { 0: 4711 } },
} as const;

const map = {
  one: {
    unit: 1,
    intervalMs: 100,
    registers: {
      voltage: { address: "30001", type: "float32", unit: "V" },
      power: { address: "30013", type: "float32", unit: "W" },
      temperature: { address: 0, type: "int16", scale: 0.1, unit: "Cel" },
      balance: { address: 1, type: "int32" },
      label: { address: 10, type: "string", registers: 2 },
      level: { address: 20, access: "read-write", min: 0, max: 100 },
      limit: { address: 21, type: "float32", access: "read-write" },
      relay: { table: "coil", address: 3, access: "read-write" },
      door: { table: "discrete", address: 7 },
    },
  },
  two: { unit: 9, intervalMs: 100, registers: { x: { address: 0 } } },
};

async function readsAndWrites(peer: ForeignPeer, way: object): Promise<void> {
  await using run = startDriver(driver, { ...way, timeoutMs: 2000, units: map });
  await run.samples(({ lane }) => lane === "telemetry", { count: 10, timeoutMs: 20_000 });
  const values = new Map(run.emitted.map(({ name, value }) => [name, value]));
  assert.deepEqual(Object.fromEntries([...values].toSorted(([a], [b]) => (a < b ? -1 : 1))), {
    "one/balance": -70_000,
    "one/door": true,
    "one/label": "lamp",
    "one/level": 0,
    "one/limit": 0,
    "one/online": true,
    "one/power": -1250.25,
    "one/relay": true,
    "one/temperature": 21.5,
    "one/voltage": 230.5,
    "two/online": true,
    "two/x": 4711,
  });

  assert.deepEqual(await run.command("one/level", 80), { value: 80 });
  assert.deepEqual(await run.command("one/limit", 16.5), { value: 16.5 });
  assert.deepEqual(await run.command("one/relay", false), { value: false });
  assert.deepEqual(await peer.held("holding", 1, 20), [80]);
  assert.deepEqual(await peer.held("holding", 1, 21, 2), [0x4184, 0]);
  assert.deepEqual(await peer.held("coil", 1, 3), [0]);
  await run.samples(({ name, value }) => name === "one/level" && value === 80);
  await run.samples(({ name, value }) => name === "one/relay" && value === false);
}

test("TCP: a foreign server's registers are read and written", async () => {
  await using peer = await startForeignPeer({ transport: "tcp", units });
  await readsAndWrites(peer, { host: "127.0.0.1", port: Number(peer.at) });
});

test("RTU: a foreign slave's registers are read and written over a serial line", async () => {
  await using peer = await startForeignPeer({ transport: "rtu", units });
  await readsAndWrites(peer, { transport: "serial", path: peer.at, parity: "none", baudRate: 19_200 });
});
