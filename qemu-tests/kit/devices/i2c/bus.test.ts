import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus, type I2cBus } from "./bus.ts";
import { At24c } from "./models/at24c.ts";
import { Tmp105 } from "./models/tmp105.ts";

const write = (bus: I2cBus, address: number, bytes: number[], stop = true) =>
  bus.transfer({ address, kind: "write", bytes: Uint8Array.from(bytes), stop });
const read = (bus: I2cBus, address: number, length: number) =>
  bus.transfer({ address, kind: "read", length, stop: true });

function busWithSensor() {
  const bus = createBus();
  return { bus, sensor: bus.attach("t0", 0x48, new Tmp105()) };
}

test("whoever is addressed answers, nobody else", async () => {
  const { bus, sensor } = busWithSensor();
  await sensor.set({ celsius: 21.5 });
  await write(bus, 0x48, [0], false);
  assert.deepEqual(await read(bus, 0x48, 2), Uint8Array.of(0x15, 0x80));
  assert.equal(await read(bus, 0x49, 2), undefined);
  assert.deepEqual(sensor.messages(), [
    { kind: "write", bytes: Uint8Array.of(0), acknowledged: true },
    { kind: "read", bytes: Uint8Array.of(0x15, 0x80), acknowledged: true },
  ]);
});

test("a refused message is not acknowledged, so often and no more", async () => {
  const { bus, sensor } = busWithSensor();
  sensor.nack({ times: 2 });
  assert.equal(await read(bus, 0x48, 1), undefined);
  assert.equal(await write(bus, 0x48, [1, 0x60]), undefined);
  assert.ok(await read(bus, 0x48, 1));
  await write(bus, 0x48, [1]);
  assert.deepEqual(await read(bus, 0x48, 1), Uint8Array.of(0), "what was refused is not done");
  sensor.nack({ times: Number.POSITIVE_INFINITY });
  assert.equal(await read(bus, 0x48, 1), undefined);
  sensor.behave();
  assert.ok(await read(bus, 0x48, 1));
});

test("unplugged it is not there, plugged in again it has lost its registers", async () => {
  const { bus, sensor } = busWithSensor();
  await write(bus, 0x48, [1, 0x60]);
  sensor.unplug();
  assert.equal(await read(bus, 0x48, 1), undefined);
  sensor.plug();
  await write(bus, 0x48, [1]);
  assert.deepEqual(await read(bus, 0x48, 1), Uint8Array.of(0));
});

test("a stalled chip holds the bus, for others too", async () => {
  const { bus, sensor } = busWithSensor();
  bus.attach("rom", 0x50, new At24c());
  sensor.stall(Number.POSITIVE_INFINITY);
  const order: string[] = [];
  const first = read(bus, 0x48, 1).then((bytes) => order.push(`sensor ${bytes?.length}`));
  const second = read(bus, 0x50, 1).then((bytes) => order.push(`rom ${bytes?.length}`));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order, []);
  sensor.behave();
  await Promise.all([first, second]);
  assert.deepEqual(order, ["sensor 1", "rom 1"]);
});

test("a stall has its length", async () => {
  const { bus, sensor } = busWithSensor();
  sensor.stall(50);
  const before = performance.now();
  assert.ok(await read(bus, 0x48, 1));
  assert.ok(performance.now() - before >= 49);
});

test("a power cut ends a stall, takes registers, and leaves the world", async () => {
  const { bus, sensor } = busWithSensor();
  await sensor.set({ celsius: 30 });
  await write(bus, 0x48, [1, 0x60]);
  sensor.stall(Number.POSITIVE_INFINITY);
  const under = read(bus, 0x48, 1);
  await new Promise((resolve) => setImmediate(resolve));
  bus.powerCut();
  assert.equal(await under, undefined);
  await write(bus, 0x48, [1]);
  assert.deepEqual(await read(bus, 0x48, 1), Uint8Array.of(0));
  await write(bus, 0x48, [0]);
  assert.deepEqual(await read(bus, 0x48, 2), Uint8Array.of(30, 0));
});

test("STOP is told, and follows a message that nobody acknowledged", async () => {
  const bus = createBus();
  const rom = bus.attach("rom", 0x50, new At24c());
  await write(bus, 0x50, [0, 0, 42], false);
  assert.equal((rom.state().bytes as Uint8Array)[0], 0xff);
  rom.nack();
  await read(bus, 0x50, 1);
  assert.equal((rom.state().bytes as Uint8Array)[0], 42);
});

test("an address is taken once, and must be one", () => {
  const { bus } = busWithSensor();
  for (const address of [0x48, 0x07, 0x78, 1.5]) {
    assert.throws(() => bus.attach("other", address, new Tmp105()), { code: "DEVICE_VALUE" });
  }
  assert.throws(() => bus.device(0x30), { code: "DEVICE_VALUE" });
  assert.equal(bus.device(0x48).name, "t0");
});
