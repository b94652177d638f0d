import { type ChipModel, checkNumbers, type NowMs } from "../chip.ts";
import type { ChipValues } from "../handle.ts";
import { type Calibration, calibrationBytes, example, rawFor } from "./bme280-calibration.ts";

const sleep = 0;
const normal = 3;

/**
 * BME280: temperature, pressure, humidity. Bosch BST-BME280-DS002 1.23: memory map (section 5.3), registers (5.4),
 * modes (3.3), oversampling and measuring time (9.1). I2C: 6.2; a write is pairs of register and value, a read counts on.
 *
 * `set({ celsius, hPa, percent })`: -40 to 85, 300 to 1100, 0 to 100. The raw values are those that this chip's
 * calibration turns back into them. A quantity whose oversampling is 0 is skipped and reads as 0x80000 (0x8000).
 */
export class Bme280 implements ChipModel {
  static readonly address = 0x76;
  readonly #calibration: Calibration;
  readonly #nowMs: NowMs;
  #world = { celsius: 25, hPa: 1013.25, percent: 50 };
  #pointer = 0;
  #humidityControl = 0;
  /** Takes effect with the next write to ctrl_meas (section 5.4.3). */
  #waitingHumidityControl = 0;
  #control = 0;
  #config = 0;
  #data = idleData();
  #forcedUntilMs: number | undefined;

  constructor({ calibration = example, nowMs = (): number => performance.now() } = {}) {
    this.#calibration = calibration;
    this.#nowMs = nowMs;
  }

  set(values: ChipValues): void {
    const numbers = checkNumbers("BME280", values, {
      celsius: [-40, 85],
      hPa: [300, 1100],
      percent: [0, 100],
    });
    Object.assign(this.#world, numbers);
  }

  state(): ChipValues {
    return { ...this.#world };
  }

  write(bytes: Uint8Array): boolean {
    if (bytes[0] !== undefined) this.#pointer = bytes[0];
    for (let i = 0; i + 1 < bytes.length; i += 2) this.#writeRegister(bytes[i]!, bytes[i + 1]!);
    return true;
  }

  read(length: number): Uint8Array {
    this.#advance();
    const start = this.#pointer;
    this.#pointer = (start + length) & 0xff;
    return Uint8Array.from({ length }, (_, i) => this.#readRegister((start + i) & 0xff));
  }

  powerUp(): void {
    this.#pointer = 0;
    this.#humidityControl = this.#waitingHumidityControl = this.#control = this.#config = 0;
    this.#data = idleData();
    this.#forcedUntilMs = undefined;
  }

  #writeRegister(register: number, value: number): void {
    this.#advance();
    if (register === 0xe0 && value === 0xb6) this.powerUp();
    else if (register === 0xf2) this.#waitingHumidityControl = value & 7;
    else if (register === 0xf5) this.#config = value & 0xfd;
    else if (register === 0xf4) {
      this.#control = value;
      this.#humidityControl = this.#waitingHumidityControl;
      const mode = value & 3;
      this.#forcedUntilMs = mode === 1 || mode === 2 ? this.#nowMs() + this.#measuringMs() : undefined;
    }
  }

  /** What the clock has brought since. */
  #advance(): void {
    const mode = this.#control & 3;
    if (mode === normal) this.#data = this.#measure();
    if (this.#forcedUntilMs !== undefined && this.#nowMs() >= this.#forcedUntilMs) {
      this.#forcedUntilMs = undefined;
      this.#data = this.#measure();
      this.#control = (this.#control & ~3) | sleep;
    }
  }

  #readRegister(register: number): number {
    if (register === 0xd0) return 0x60;
    if (register === 0xf2) return this.#humidityControl;
    if (register === 0xf3) return this.#forcedUntilMs === undefined ? 0 : 0x08;
    if (register === 0xf4) return this.#control;
    if (register === 0xf5) return this.#config;
    if (register >= 0xf7 && register <= 0xfe) return this.#data[register - 0xf7]!;
    return calibrationBytes(this.#calibration).get(register) ?? 0;
  }

  #oversampling(): { celsius: number; hPa: number; percent: number } {
    const times = (bits: number): number => (bits === 0 ? 0 : 1 << Math.min(bits - 1, 4));
    return {
      celsius: times(this.#control >> 5),
      hPa: times((this.#control >> 2) & 7),
      percent: times(this.#humidityControl),
    };
  }

  /** The longest that a measurement takes. */
  #measuringMs(): number {
    const { celsius, hPa, percent } = this.#oversampling();
    const part = (times: number): number => (times === 0 ? 0 : 2.3 * times + 0.575);
    return 1.25 + 2.3 * celsius + part(hPa) + part(percent);
  }

  #measure(): Uint8Array {
    const raw = rawFor(this.#calibration, this.#world);
    const { celsius, hPa, percent } = this.#oversampling();
    const data = idleData();
    if (hPa > 0) put20(data, 0, raw.pressure);
    if (celsius > 0) put20(data, 3, raw.temperature);
    if (percent > 0) data.set([raw.humidity >> 8, raw.humidity & 0xff], 6);
    return data;
  }
}

/** Registers 0xF7 to 0xFE as they are before the first measurement. */
function idleData(): Uint8Array {
  return Uint8Array.of(0x80, 0, 0, 0x80, 0, 0, 0x80, 0);
}

function put20(data: Uint8Array, at: number, raw: number): void {
  data.set([raw >> 12, (raw >> 4) & 0xff, (raw & 0xf) << 4], at);
}
