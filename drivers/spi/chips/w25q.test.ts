import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceUnderTest } from "../test-device.ts";

const identity = async (...id: number[]) => {
  const device = deviceUnderTest({ type: "w25q" }, () => [0xff, ...id, 0, 0, 0]);
  const readings = await device.sample();
  assert.deepEqual(device.sent, ["9f000000000000"]);
  return Object.fromEntries(readings.map(({ quantity, value }) => [quantity, value]));
};

test("the W25Q64JV of section 8.1.1, and others of its family", async () => {
  assert.deepEqual(await identity(0xef, 0x40, 0x17), {
    "jedec-id": "ef4017",
    manufacturer: "Winbond",
    "memory-type": "40",
    capacity: 8 << 20,
  });
  assert.equal((await identity(0xef, 0x40, 0x15)).capacity, 2 << 20);
  assert.equal((await identity(0xef, 0x40, 0x19)).capacity, 32 << 20);
  assert.equal((await identity(0xef, 0x40, 0x20)).capacity, 64 << 20);
  assert.equal((await identity(0xc2, 0x20, 0x18)).manufacturer, "Macronix");
});

test("what has no meaning is bad, and the id itself is told all the same", async () => {
  const device = deviceUnderTest({ type: "w25q" }, () => [0xff, 0x77, 0x40, 0x7f]);
  const readings = await device.sample();
  assert.deepEqual(readings[0], { quantity: "jedec-id", value: "77407f" });
  assert.deepEqual(readings[1], {
    quantity: "manufacturer",
    value: null,
    quality: "bad",
    reason: "119 (0x77) has no meaning",
  });
  assert.equal(readings[3]?.quality, "bad");
});

test("where no flash is the device has failed, whatever the line is at", async () => {
  for (const level of [0x00, 0xff]) {
    const device = deviceUnderTest({ type: "w25q" }, () => [0x5a, level, level, level]);
    await assert.rejects(device.sample(), { code: "SPI_DATA", message: /all bits are [01]/ });
  }
});
