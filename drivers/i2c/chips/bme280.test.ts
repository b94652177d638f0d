import assert from "node:assert/strict";
import { test } from "node:test";
import { registerChip } from "../simulator.ts";
import { chipUnderTest } from "../test-port.ts";
import { fineTemperature, humidity, pascal, readCalibration } from "./bme280-formula.ts";

/** BST-BMP280-DS001, section 3.12 "Calculating pressure and temperature": calibration, raw values and results. */
const t = [27_504, 26_435, -1000];
const p = [36_477, -10_685, 3024, 2855, 140, -7, 15_500, -14_600, 6000];
const raw = { t: 519_888, p: 415_148 };
/** Of a BME280 as it is sold; 329 and 50 go into 12 bits each. */
const h = { h1: 75, h2: 353, h3: 0, h4: 340, h5: 50, h6: 30 };

const low = Buffer.alloc(26);
for (const [i, value] of [...t, ...p].entries()) {
  if (i === 0 || i === 3) low.writeUInt16LE(value, 2 * i);
  else low.writeInt16LE(value, 2 * i);
}
low[25] = h.h1;
const high = Buffer.alloc(7);
high.writeInt16LE(h.h2, 0);
high[2] = h.h3;
high[3] = h.h4 >> 4;
high[4] = (h.h4 & 15) | ((h.h5 & 15) << 4);
high[5] = h.h5 >> 4;
high[6] = h.h6;

function chip(id: number) {
  const bytes = [raw.p << 4, raw.t << 4].flatMap((value) => [value >> 16, (value >> 8) & 0xff, value & 0xff]);
  return registerChip({
    208: [id],
    136: [...low],
    225: [...high],
    242: [0],
    243: [0],
    244: [0],
    247: [...bytes, 0x7a, 0x12],
  });
}

test("BMP280, section 3.12: 25.08 °C and 100653.27 Pa", () => {
  const calibration = readCalibration(low);
  const fine = fineTemperature(raw.t, calibration);
  assert.equal((fine / 5120).toFixed(2), "25.08");
  assert.equal(pascal(raw.p, fine, calibration)?.toFixed(2), "100653.27");
});

test("humidity agrees with the datasheet's formula in integers (BME280, section 4.2.3)", () => {
  const calibration = readCalibration(low, high);
  assert.deepEqual(calibration.h, [0, h.h1, h.h2, h.h3, h.h4, h.h5, h.h6]);
  const fine = fineTemperature(raw.t, calibration);
  for (const adc of [24_000, 28_000, 31_250, 36_000]) {
    const expected = humidityInIntegers(adc, Math.round(fine)) / 1024;
    assert.ok(expected > 5 && expected < 95, `${expected} is no test`);
    assert.ok(Math.abs(humidity(adc, fine, calibration) - expected) < 0.02, String(adc));
  }
});

/** Relative humidity in 1024ths of a %, step by step as printed there. */
function humidityInIntegers(adc: number, fine: number): number {
  const multiply = Math.imul;
  let v = fine - 76_800;
  v = multiply(
    ((adc << 14) - (h.h4 << 20) - multiply(h.h5, v) + 16_384) >> 15,
    (multiply(
      (multiply(multiply(v, h.h6) >> 10, (multiply(v, h.h3) >> 11) + 32_768) >> 10) + 2_097_152,
      h.h2,
    ) +
      8192) >>
      14,
  );
  v -= multiply(multiply(v >> 15, v >> 15) >> 7, h.h1) >> 4;
  return Math.min(Math.max(v, 0), 419_430_400) >> 12;
}

test("a sample is one measurement in forced mode, with the humidity's setting first", async () => {
  const { prepare, sample, bus, waits } = chipUnderTest({ type: "bme280", oversampling: 4 }, chip(0x60));
  await prepare();
  const { temperature, pressure, humidity: percent } = await sample();
  assert.deepEqual([temperature, pressure], [25.08, 100_653.3]);
  assert.equal(typeof percent, "number");
  const writes = bus.transfers.filter(({ kind }) => kind === "write").map(({ bytes }) => bytes);
  assert.deepEqual(writes, [
    [0xf2, 3],
    [0xf4, 0b011_011_01],
  ]);
  // Section 9.1: 1.25 + 2.3·4 + (2.3·4 + 0.575) + (2.3·4 + 0.575) ms.
  assert.deepEqual(waits, [30]);
});

test("a BMP280 has no humidity, and is not taken for a BME280", async () => {
  const { prepare, sample } = chipUnderTest({ type: "bmp280" }, chip(0x58));
  await prepare();
  assert.deepEqual(await sample(), { temperature: 25.08, pressure: 100_653.3 });
  const { prepare: refused } = chipUnderTest({ type: "bme280" }, chip(0x58));
  await assert.rejects(refused(), { code: "I2C_DATA", message: "it is BMP280, not a BME280" });
});

test("a chip that has not measured, or still does, gives no value", async () => {
  const simulated = chip(0x60);
  const { prepare, sample } = chipUnderTest({ type: "bme280" }, simulated);
  await prepare();
  simulated.registers.set(0xf3, [0b1000]);
  await assert.rejects(sample(), { code: "I2C_DATA", message: /still measures/ });
  simulated.registers.set(0xf3, [0]);
  simulated.registers.set(0xf7, [0x80, 0, 0, 0x80, 0, 0, 0x80, 0]);
  await assert.rejects(sample(), { code: "I2C_DATA", message: "it has not measured" });
});
