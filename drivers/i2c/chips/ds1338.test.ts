import assert from "node:assert/strict";
import { test } from "node:test";
import { registerChip } from "../simulator.ts";
import { chipUnderTest } from "../test-port.ts";
import { decodeTime, encodeTime } from "./ds1338.ts";

const hexTime = (digits: string): number => decodeTime(Buffer.from(digits, "hex"));
const utc = (text: string): number => Date.parse(`${text}Z`) / 1000;

test("Table 3: the registers in 24-hour and in 12-hour mode", () => {
  assert.equal(hexTime("56341203241126"), utc("2026-11-24T12:34:56"));
  assert.equal(hexTime("59592304311299"), utc("2099-12-31T23:59:59"));
  // 12 AM, 1 AM, 12 PM, 11 PM.
  for (const [hours, hour] of [
    ["52", "00"],
    ["41", "01"],
    ["72", "12"],
    ["71", "23"],
  ]) {
    assert.equal(hexTime(`0000${hours}05290224`), utc(`2024-02-29T${hour}:00:00`), hours);
  }
});

test("what is no time is not taken for one", () => {
  for (const digits of ["5a341203241126", "00000001310226", "00000001002026", "00000001011326"]) {
    assert.throws(() => hexTime(digits), { code: "I2C_DATA" }, digits);
  }
});

test("each time comes back as it was written", () => {
  for (const text of ["2000-01-01T00:00:00", "2024-02-29T23:59:59", "2099-12-31T12:00:00"]) {
    assert.equal(decodeTime(Buffer.from(encodeTime(utc(text)))), utc(text));
  }
});

test("a clock that stood still has no time, and goes on when it is set", async () => {
  const simulated = registerChip(
    Object.fromEntries([0x80, 0, 0, 1, 1, 1, 0, 0xb3].map((byte, i) => [i, [byte]])),
  );
  const { sample, command } = chipUnderTest({ type: "ds1338" }, simulated);
  await assert.rejects(sample(), { code: "I2C_DATA", message: /stood still/ });
  assert.equal(await command("time", utc("2026-11-24T12:34:56") + 0.9), utc("2026-11-24T12:34:56"));
  assert.deepEqual(simulated.registers.get(7), [0x93]);
  assert.deepEqual(await sample(), { time: utc("2026-11-24T12:34:56") });
  await assert.rejects(command("time", 0), { code: "I2C_VALUE" });
  await assert.rejects(command("time", "noon"), { code: "I2C_VALUE" });
});
