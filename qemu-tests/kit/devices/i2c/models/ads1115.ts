import { type ChipModel, checkNumbers, fit, type NowMs, word } from "../chip.ts";
import type { ChipValues } from "../handle.ts";

const fullScaleVolts = [6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256];
const samplesPerSecond = [8, 16, 32, 64, 128, 250, 475, 860];
/** Positive and negative input of each multiplexer setting; 4 is GND. */
const inputs = [
  [0, 1],
  [0, 3],
  [1, 3],
  [2, 3],
  [0, 4],
  [1, 4],
  [2, 4],
  [3, 4],
] as const;
const start = 0x8000;
const single = 0x0100;

/**
 * ADS1115: four inputs, 16 bits. Texas Instruments SBAS444D: registers (section 9.6), full scale (9.3.3),
 * single shot and continuous mode (9.4.2), data format (9.5.4).
 *
 * `set({ ain0, ain1, ain2, ain3 })`: volts against GND, -0.3 to 5.8. Beyond full scale the value is clipped. A
 * conversion takes one period of the data rate; until then the register keeps the value before, and OS reads 0. The
 * comparator's registers are kept, its pin leads nowhere.
 */
export class Ads1115 implements ChipModel {
  static readonly address = 0x48;
  readonly #nowMs: NowMs;
  #volts = [0, 0, 0, 0, 0];
  #pointer = 0;
  #registers = [0, 0x0583, 0x8000, 0x7fff];
  #readyAtMs: number | undefined;

  constructor({ nowMs = (): number => performance.now() } = {}) {
    this.#nowMs = nowMs;
  }

  set(values: ChipValues): void {
    const range = [-0.3, 5.8] as const;
    const given = checkNumbers("ADS1115", values, { ain0: range, ain1: range, ain2: range, ain3: range });
    for (const [name, volts] of Object.entries(given)) this.#volts[Number(name.slice(3))] = volts;
  }

  state(): ChipValues {
    return Object.fromEntries(this.#volts.slice(0, 4).map((volts, i) => [`ain${i}`, volts]));
  }

  write(bytes: Uint8Array): boolean {
    if (bytes[0] === undefined) return true;
    this.#advance();
    this.#pointer = bytes[0] & 3;
    if (bytes.length < 3 || this.#pointer === 0) return true;
    const value = (bytes[1]! << 8) | bytes[2]!;
    this.#registers[this.#pointer] = this.#pointer === 1 ? value & ~start : value;
    const isContinuous = (value & single) === 0;
    if (this.#pointer === 1 && (isContinuous || value & start)) {
      this.#readyAtMs = this.#nowMs() + 1000 / samplesPerSecond[(value >> 5) & 7]!;
    }
    return true;
  }

  read(length: number): Uint8Array {
    this.#advance();
    const value = this.#registers[this.#pointer]!;
    const isIdle = this.#pointer === 1 && this.#readyAtMs === undefined && value & single;
    return fit(word(isIdle ? value | start : value), length);
  }

  powerUp(): void {
    this.#pointer = 0;
    this.#registers = [0, 0x0583, 0x8000, 0x7fff];
    this.#readyAtMs = undefined;
  }

  #advance(): void {
    if (this.#readyAtMs === undefined || this.#nowMs() < this.#readyAtMs) return;
    const config = this.#registers[1]!;
    this.#registers[0] = this.#convert(config) & 0xffff;
    // In continuous mode there is a new value from now on whenever somebody asks.
    if (config & single) this.#readyAtMs = undefined;
  }

  #convert(config: number): number {
    const [positive, negative] = inputs[(config >> 12) & 7]!;
    const volts = this.#volts[positive]! - this.#volts[negative]!;
    const code = Math.round((volts / fullScaleVolts[(config >> 9) & 7]!) * 32768);
    return Math.max(-32768, Math.min(32767, code));
  }
}
