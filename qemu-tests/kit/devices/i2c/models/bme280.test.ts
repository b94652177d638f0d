import assert from "node:assert/strict";
import { test } from "node:test";
import { Bme280 } from "./bme280.ts";
import { rawFor } from "./bme280-calibration.ts";

function read(chip: Bme280, register: number, length: number): Buffer {
  chip.write(Uint8Array.of(register));
  return Buffer.from(chip.read(length));
}

/** A driver as the datasheet writes it: integers, section 4.2.3. */
function measure(chip: Bme280): { celsius: number; hPa: number; percent: number } {
  const low = read(chip, 0x88, 26);
  const high = read(chip, 0xe1, 7);
  const data = read(chip, 0xf7, 8);
  const T = [low.readUInt16LE(0), low.readInt16LE(2), low.readInt16LE(4)].map(BigInt) as [
    bigint,
    bigint,
    bigint,
  ];
  const P = [low.readUInt16LE(6), ...Array.from({ length: 8 }, (_, i) => low.readInt16LE(8 + 2 * i))].map(
    BigInt,
  );
  const H = [
    low[25]!,
    high.readInt16LE(0),
    high[2]!,
    (high.readInt8(3) << 4) | (high[4]! & 0xf),
    (high.readInt8(5) << 4) | (high[4]! >> 4),
    high.readInt8(6),
  ].map(BigInt) as [bigint, bigint, bigint, bigint, bigint, bigint];
  const adcP = BigInt((data[0]! << 12) | (data[1]! << 4) | (data[2]! >> 4));
  const adcT = BigInt((data[3]! << 12) | (data[4]! << 4) | (data[5]! >> 4));
  const adcH = BigInt(data.readUInt16BE(6));

  const t1 = (((adcT >> 3n) - (T[0] << 1n)) * T[1]) >> 11n;
  const t2 = (((((adcT >> 4n) - T[0]) * ((adcT >> 4n) - T[0])) >> 12n) * T[2]) >> 14n;
  const fine = t1 + t2;

  let a = fine - 128000n;
  let b = a * a * P[5]! + ((a * P[4]!) << 17n) + (P[3]! << 35n);
  a = ((a * a * P[2]!) >> 8n) + ((a * P[1]!) << 12n);
  a = (((1n << 47n) + a) * P[0]!) >> 33n;
  let p = ((((1048576n - adcP) << 31n) - b) * 3125n) / a;
  a = (P[8]! * (p >> 13n) * (p >> 13n)) >> 25n;
  b = (P[7]! * p) >> 19n;
  p = ((p + a + b) >> 8n) + (P[6]! << 4n);

  let h = fine - 76800n;
  h =
    (((adcH << 14n) - (H[3] << 20n) - H[4] * h + 16384n) >> 15n) *
    (((((((h * H[5]) >> 10n) * (((h * H[2]) >> 11n) + 32768n)) >> 10n) + 2097152n) * H[1] + 8192n) >> 14n);
  h = h - (((((h >> 15n) * (h >> 15n)) >> 7n) * H[0]) >> 4n);
  return {
    celsius: Number((fine * 5n + 128n) >> 8n) / 100,
    hPa: Number(p) / 256 / 100,
    percent: Number(h >> 12n) / 1024,
  };
}

test("the datasheet's integer formulas give back what was set", () => {
  const chip = new Bme280();
  chip.write(Uint8Array.of(0xf2, 0x01, 0xf4, 0x27));
  for (const celsius of [-40, -10.5, 0, 21.5, 84]) {
    for (const hPa of [301, 870, 1013.25, 1099]) {
      for (const percent of [1, 45.5, 99]) {
        chip.set({ celsius, hPa, percent });
        const found = measure(chip);
        assert.ok(Math.abs(found.celsius - celsius) <= 0.02, `${celsius} °C, found ${found.celsius}`);
        assert.ok(Math.abs(found.hPa - hPa) <= 0.05, `${hPa} hPa, found ${found.hPa} at ${celsius}`);
        assert.ok(
          Math.abs(found.percent - percent) <= 0.1,
          `${percent} %, found ${found.percent} at ${celsius}`,
        );
      }
    }
  }
});

test("the raw values of the datasheet's worked example", () => {
  const raw = rawFor(
    {
      T: [27504, 26435, -1000],
      P: [36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000],
      H: [75, 370, 0, 313, 50, 30],
    },
    { celsius: 25.0825, hPa: 1006.5327, percent: 50 },
  );
  assert.ok(Math.abs(raw.temperature - 519888) <= 4, `${raw.temperature}`);
  assert.ok(Math.abs(raw.pressure - 415148) <= 4, `${raw.pressure}`);
});

test("a forced measurement takes its time and goes back to sleep", () => {
  let nowMs = 0;
  const chip = new Bme280({ nowMs: () => nowMs });
  assert.deepEqual([...read(chip, 0xf7, 8)], [0x80, 0, 0, 0x80, 0, 0, 0x80, 0]);
  chip.write(Uint8Array.of(0xf2, 0x01, 0xf4, 0x25));
  assert.equal(read(chip, 0xf3, 1)[0], 0x08, "measuring");
  nowMs += 9;
  assert.equal(read(chip, 0xf3, 1)[0], 0x08, "section 9.1: 9.3 ms with oversampling 1");
  nowMs += 1;
  assert.equal(read(chip, 0xf3, 1)[0], 0);
  assert.equal(read(chip, 0xf4, 1)[0], 0x24);
  assert.ok(Math.abs(measure(chip).celsius - 25) < 0.02);
});

test("humidity waits for ctrl_meas, a skipped quantity reads as its idle value", () => {
  const chip = new Bme280();
  chip.write(Uint8Array.of(0xf4, 0x27, 0xf2, 0x01));
  assert.deepEqual([...read(chip, 0xfd, 2)], [0x80, 0]);
  chip.write(Uint8Array.of(0xf4, 0x27));
  assert.notDeepEqual([...read(chip, 0xfd, 2)], [0x80, 0]);
  chip.write(Uint8Array.of(0xf4, 0x23));
  assert.deepEqual([...read(chip, 0xf7, 3)], [0x80, 0, 0]);
});

test("identity and reset", () => {
  const chip = new Bme280();
  assert.equal(read(chip, 0xd0, 1)[0], 0x60);
  chip.write(Uint8Array.of(0xf4, 0x27));
  chip.write(Uint8Array.of(0xe0, 0xb6));
  assert.equal(read(chip, 0xf4, 1)[0], 0);
});
