import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceUnderTest } from "../test-device.ts";

/** 32 bits as in Table 2: thermocouple (14), 0, fault, cold junction (12), 0, SCV, SCG, OC. */
function frame(thermocouple: string, cold: string, { fault = 0, bits = "000" } = {}): () => Buffer {
  const all = `${thermocouple}0${fault}${cold}0${bits}`.replaceAll(" ", "");
  assert.equal(all.length, 32);
  return () => Buffer.from(Number.parseInt(all, 2).toString(16).padStart(8, "0"), "hex");
}
const values = async (chip: () => Buffer) => {
  const readings = await deviceUnderTest({ type: "max31855" }, chip).sample();
  return Object.fromEntries(readings.map(({ quantity, ...rest }) => [quantity, rest]));
};

test("the examples of Table 4, thermocouple", async () => {
  for (const [bits, celsius] of [
    ["0110 0100 0000 00", 1600],
    ["0011 1110 1000 00", 1000],
    ["0000 0110 0100 11", 100.75],
    ["0000 0001 1001 00", 25],
    ["0000 0000 0000 00", 0],
    ["1111 1111 1111 11", -0.25],
    ["1111 1111 1111 00", -1],
    ["1111 0000 0110 00", -250],
  ] as const) {
    const { temperature } = await values(frame(bits, "0001 1001 0000"));
    assert.deepEqual(temperature, { value: celsius }, bits);
  }
});

test("the examples of Table 5, cold junction", async () => {
  for (const [bits, celsius] of [
    ["0111 1111 0000", 127],
    ["0110 0100 1001", 100.5625],
    ["0001 1001 0000", 25],
    ["0000 0000 0000", 0],
    ["1111 1111 1111", -0.0625],
    ["1111 1111 0000", -1],
    ["1110 1100 0000", -20],
    ["1100 1001 0000", -55],
  ] as const) {
    const found = await values(frame("0000 0001 1001 00", bits));
    assert.deepEqual(found["cold-junction"], { value: celsius }, bits);
  }
});

test("a fault makes the thermocouple's value bad, with the reason; the cold junction stays good", async () => {
  for (const [bits, reason] of [
    ["001", /open/],
    ["010", /GND/],
    ["100", /VCC/],
    ["000", /tells of a fault/],
  ] as const) {
    const found = await values(frame("0000 0001 1001 00", "0001 1001 0000", { fault: 1, bits }));
    assert.equal(found.temperature?.value, null);
    assert.equal(found.temperature?.quality, "bad");
    assert.match(found.temperature?.reason ?? "", reason);
    assert.deepEqual(found["cold-junction"], { value: 25 });
  }
});

test("32 zeros may be 0 °C, or nobody: uncertain; 32 ones are nobody", async () => {
  const found = await values(() => Buffer.alloc(4));
  assert.deepEqual([found.temperature?.value, found.temperature?.quality], [0, "uncertain"]);
  assert.match(found.temperature?.reason ?? "", /nothing answers/);
  await assert.rejects(
    values(() => Buffer.alloc(4, 0xff)),
    { code: "SPI_DATA", message: /D17/ },
  );
});
