import { valueError } from "../../errors.ts";
import { type ChipModel, fit } from "../chip.ts";
import type { ChipValues } from "../handle.ts";

const registers = 64;
const clockRegisters = 7;
const halted = 0x80;
const twelveHours = 0x40;
const afternoon = 0x20;

/**
 * DS1307 and DS1338: a clock with a battery and 56 bytes of memory. Maxim, datasheet DS1307, sections
 * "Clock and Calendar", "Control Register", "I2C Data Bus"; a DS1338 differs in its control register's bit OSF only.
 *
 * `set({ time })`: a `Date` or Unix milliseconds, 2000 to 2099, as UTC. `set({ running })`: whether the oscillator runs;
 * at first it does. All registers of a transfer are from one moment. A cut of power takes nothing but the pointer.
 */
export class Ds1307 implements ChipModel {
  static readonly address = 0x68;
  readonly #nowMs: () => number;
  readonly #memory = new Uint8Array(registers);
  /** The clock's time less `nowMs`; of a halted clock its time. */
  #offsetMs = 0;
  #isRunning = true;
  #isTwelveHours = false;
  /** Days between the register's weekday and the calendar's; users count as they like. */
  #weekdayShift = 0;
  #pointer = 0;
  #latched: Uint8Array | undefined;

  /** `nowMs`: Unix milliseconds. @default Date.now */
  constructor({ nowMs = Date.now } = {}) {
    this.#nowMs = nowMs;
    // The control register after power was applied for the first time: RS1 and RS0.
    this.#memory[7] = 0x03;
  }

  set(values: ChipValues): void {
    for (const [name, value] of Object.entries(values)) {
      if (name === "running" && typeof value === "boolean") this.#run(value);
      else if (name === "time") this.#setTime(toMs(value));
      else throw valueError(`DS1307: ${name} is ${String(value)}; it has time and running (true or false)`);
    }
  }

  state(): ChipValues {
    return { time: new Date(this.#timeMs()), running: this.#isRunning };
  }

  write(bytes: Uint8Array): boolean {
    if (bytes[0] === undefined) return true;
    this.#pointer = bytes[0] % registers;
    const image = this.#image();
    for (const byte of bytes.subarray(1)) {
      image[this.#pointer] = byte;
      this.#pointer = (this.#pointer + 1) % registers;
    }
    if (bytes.length > 1) this.#take(image, bytes[0] % registers < clockRegisters);
    return true;
  }

  read(length: number): Uint8Array {
    this.#latched ??= this.#image();
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      bytes[i] = this.#latched[this.#pointer]!;
      this.#pointer = (this.#pointer + 1) % registers;
    }
    return fit(bytes, length);
  }

  stop(): void {
    this.#latched = undefined;
  }

  powerUp(): void {
    this.#pointer = 0;
    this.#latched = undefined;
  }

  #timeMs(): number {
    return this.#isRunning ? this.#nowMs() + this.#offsetMs : this.#offsetMs;
  }

  #setTime(ms: number): void {
    this.#offsetMs = this.#isRunning ? ms - this.#nowMs() : ms;
  }

  #run(isRunning: boolean): void {
    const timeMs = this.#timeMs();
    this.#isRunning = isRunning;
    this.#setTime(timeMs);
  }

  /** All registers as they are now. */
  #image(): Uint8Array {
    const image = Uint8Array.from(this.#memory);
    const time = new Date(this.#timeMs());
    const hours = time.getUTCHours();
    const shown = this.#isTwelveHours
      ? twelveHours | (hours >= 12 ? afternoon : 0) | bcd(hours % 12 || 12)
      : bcd(hours);
    image.set([
      bcd(time.getUTCSeconds()) | (this.#isRunning ? 0 : halted),
      bcd(time.getUTCMinutes()),
      shown,
      ((time.getUTCDay() + this.#weekdayShift) % 7) + 1,
      bcd(time.getUTCDate()),
      bcd(time.getUTCMonth() + 1),
      bcd(time.getUTCFullYear() % 100),
    ]);
    return image;
  }

  #take(image: Uint8Array, isClockWritten: boolean): void {
    this.#memory.set(image.subarray(clockRegisters), clockRegisters);
    if (!isClockWritten) return;
    const hoursByte = image[2]!;
    this.#isTwelveHours = (hoursByte & twelveHours) !== 0;
    const hours = this.#isTwelveHours
      ? (fromBcd(hoursByte & 0x1f) % 12) + (hoursByte & afternoon ? 12 : 0)
      : fromBcd(hoursByte & 0x3f);
    const [seconds, minutes, weekday, date, month, year] = [0, 1, 3, 4, 5, 6].map((i) => image[i]!);
    const ms = Date.UTC(
      2000 + fromBcd(year!),
      fromBcd(month! & 0x1f) - 1,
      fromBcd(date! & 0x3f),
      hours,
      fromBcd(minutes! & 0x7f),
      fromBcd(seconds! & 0x7f),
    );
    this.#isRunning = (seconds! & halted) === 0;
    this.#setTime(ms);
    this.#weekdayShift = ((weekday! & 7) - 1 - new Date(ms).getUTCDay() + 14) % 7;
  }
}

function toMs(time: unknown): number {
  const ms = time instanceof Date ? time.getTime() : time;
  if (typeof ms === "number" && ms >= Date.UTC(2000) && ms < Date.UTC(2100)) return ms;
  throw valueError(`DS1307: time is ${String(time)}; it must be a Date or Unix milliseconds, 2000 to 2099`);
}

function bcd(value: number): number {
  return (Math.trunc(value / 10) << 4) | (value % 10);
}

function fromBcd(value: number): number {
  return (value >> 4) * 10 + (value & 0xf);
}
