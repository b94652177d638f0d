/** The BME280's compensation both ways. Bosch BST-BME280-DS002 1.23, sections 4.2.2 (trimming) and 8.1 (formulas). */

/** The chip's trimming parameters, by the datasheet's names without `dig_`. */
export interface Calibration {
  readonly T: readonly [number, number, number];
  readonly P: readonly [number, number, number, number, number, number, number, number, number];
  readonly H: readonly [number, number, number, number, number, number];
}

/** T and P are those of the worked example in BST-BMP280-DS001, section 3.12; H is of the usual size. */
export const example: Calibration = {
  T: [27504, 26435, -1000],
  P: [36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000],
  H: [75, 370, 0, 313, 50, 30],
};

/** The registers that hold it, by address: section 4.2.2. */
export function calibrationBytes({ T, P, H }: Calibration): Map<number, number> {
  const bytes = new Map<number, number>();
  [...T, ...P].forEach((value, i) => {
    bytes.set(0x88 + 2 * i, value & 0xff);
    bytes.set(0x89 + 2 * i, (value >> 8) & 0xff);
  });
  const [h1, h2, h3, h4, h5, h6] = H;
  bytes.set(0xa1, h1);
  bytes.set(0xe1, h2 & 0xff).set(0xe2, (h2 >> 8) & 0xff);
  bytes.set(0xe3, h3);
  bytes.set(0xe4, (h4 >> 4) & 0xff).set(0xe5, (h4 & 0xf) | ((h5 & 0xf) << 4));
  bytes.set(0xe6, (h5 >> 4) & 0xff).set(0xe7, h6 & 0xff);
  return bytes;
}

export interface Raw {
  /** 20 bits. */
  readonly temperature: number;
  /** 20 bits. */
  readonly pressure: number;
  /** 16 bits. */
  readonly humidity: number;
}

/** The raw values nearest to what the world is. */
export function rawFor(
  calibration: Calibration,
  world: { celsius: number; hPa: number; percent: number },
): Raw {
  const temperature = search(0xfffff, (raw) => celsiusOf(calibration, raw) >= world.celsius);
  const fine = fineOf(calibration, temperature);
  return {
    temperature,
    // The higher the raw value, the lower the pressure.
    pressure: search(0xfffff, (raw) => pascalOf(calibration, raw, fine) <= world.hPa * 100),
    humidity: search(0xffff, (raw) => percentOf(calibration, raw, fine) >= world.percent),
  };
}

/** The least number of 0 to `max` that fits, where all above it fit, too. */
function search(max: number, fits: (value: number) => boolean): number {
  let [low, high] = [0, max];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function fineOf({ T }: Calibration, raw: number): number {
  const first = (raw / 16384 - T[0] / 1024) * T[1];
  return first + (raw / 131072 - T[0] / 8192) ** 2 * T[2];
}

function celsiusOf(calibration: Calibration, raw: number): number {
  return fineOf(calibration, raw) / 5120;
}

function pascalOf({ P }: Calibration, raw: number, fine: number): number {
  const half = fine / 2 - 64000;
  let second = (half * half * P[5]) / 32768 + half * P[4] * 2;
  second = second / 4 + P[3] * 65536;
  let first = ((P[2] * half * half) / 524288 + P[1] * half) / 524288;
  first = (1 + first / 32768) * P[0];
  const pressure = ((1048576 - raw - second / 4096) * 6250) / first;
  return pressure + ((P[8] * pressure * pressure) / 2147483648 + (pressure * P[7]) / 32768 + P[6]) / 16;
}

function percentOf({ H }: Calibration, raw: number, fine: number): number {
  const x = fine - 76800;
  const offset = H[3] * 64 + (H[4] / 16384) * x;
  const slope = (H[1] / 65536) * (1 + (H[5] / 67108864) * x * (1 + (H[2] / 67108864) * x));
  const percent = (raw - offset) * slope;
  return Math.min(100, Math.max(0, percent * (1 - (H[0] * percent) / 524288)));
}
