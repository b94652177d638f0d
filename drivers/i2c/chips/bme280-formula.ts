/**
 * From what a BME280 or BMP280 measures to physical units: BST-BME280-DS002 section 4.2.2 (names and places of the
 * calibration values, Table 16) and the formulas in floating point of its appendix 8.1; BST-BMP280-DS001 section
 * 3.11 has the same without humidity.
 */
import { signed } from "../../common/numbers.ts";

export interface Calibration {
  /** dig_T1 to dig_T3; at [0] nothing, so that indices are the datasheet's. */
  t: readonly number[];
  p: readonly number[];
  /** Empty for a BMP280. */
  h: readonly number[];
}

/** `low` are the 26 bytes from 0x88 on, `high` the 7 bytes from 0xE1 on, if there is humidity. */
export function readCalibration(low: Buffer, high?: Buffer): Calibration {
  const unsignedAt = (at: number): number => low.readUInt16LE(at);
  const signedAt = (at: number): number => low.readInt16LE(at);
  const t = [0, unsignedAt(0), signedAt(2), signedAt(4)];
  const p = [0, unsignedAt(6), ...Array.from({ length: 8 }, (_, i) => signedAt(8 + 2 * i))];
  if (!high) return { t, p, h: [] };
  const h4 = signed((high[3]! << 4) | (high[4]! & 0x0f), 12);
  const h5 = signed((high[5]! << 4) | (high[4]! >> 4), 12);
  return { t, p, h: [0, low[25]!, high.readInt16LE(0), high[2]!, h4, h5, high.readInt8(6)] };
}

/** Temperature as the other formulas want it; a 5120th of it is °C. */
export function fineTemperature(raw: number, { t }: Calibration): number {
  const [, t1, t2, t3] = t as [number, number, number, number];
  const first = (raw / 16_384 - t1 / 1024) * t2;
  const second = (raw / 131_072 - t1 / 8192) ** 2 * t3;
  return first + second;
}

/** Pascal; `undefined` when the calibration can't be true. */
export function pascal(raw: number, fine: number, { p }: Calibration): number | undefined {
  const [, p1, p2, p3, p4, p5, p6, p7, p8, p9] = p as number[];
  const half = fine / 2 - 64_000;
  const quadratic = ((half * half * p6!) / 32_768 + half * p5! * 2) / 4 + p4! * 65_536;
  const divisor = (1 + ((p3! * half * half) / 524_288 + p2! * half) / 524_288 / 32_768) * p1!;
  if (divisor === 0) return undefined;
  const linear = ((1_048_576 - raw - quadratic / 4096) * 6250) / divisor;
  return linear + ((p9! * linear * linear) / 2_147_483_648 + (linear * p8!) / 32_768 + p7!) / 16;
}

/** Relative humidity in %. */
export function humidity(raw: number, fine: number, { h }: Calibration): number {
  const [, h1, h2, h3, h4, h5, h6] = h as number[];
  const base = fine - 76_800;
  const uncorrected =
    (raw - (h4! * 64 + (h5! / 16_384) * base)) *
    ((h2! / 65_536) * (1 + (h6! / 67_108_864) * base * (1 + (h3! / 67_108_864) * base)));
  const percent = uncorrected * (1 - (h1! * uncorrected) / 524_288);
  return Math.min(100, Math.max(0, percent));
}
