import { type ChipModel, checkNumbers, fit, type NowMs, word } from "../chip.ts";
import type { ChipValues } from "../handle.ts";

/** Command (both bytes) → longest measuring time in milliseconds. With and without clock stretching (section "Single shot mode"). */
const singleShot: Readonly<Record<number, number>> = {
  11270: 0,
  11277: 0,
  11280: 0,
  9216: 15,
  9227: 6,
  9238: 4,
};
/** Command → time between measurements in milliseconds ("Periodic data acquisition mode"), and ART, 4 a second. */
const periodic: Readonly<Record<number, number>> = {
  8242: 2000,
  8228: 2000,
  8239: 2000,
  8496: 1000,
  8486: 1000,
  8493: 1000,
  8758: 500,
  8736: 500,
  8747: 500,
  9012: 250,
  8994: 250,
  9001: 250,
  10039: 100,
  10017: 100,
  10026: 100,
  11058: 250,
};

/**
 * SHT30, SHT31, SHT35: temperature and humidity. Sensirion, "Datasheet SHT3x-DIS", section 4, "Operation and
 * communication": commands, status register, checksum, conversion of signal output.
 *
 * `set({ celsius, percent })`: -45 to 130, 0 to 100. A read before the measurement is done is not acknowledged, as
 * without clock stretching; commands with stretching answer at once, since the model can't hold the clock by itself.
 */
export class Sht3x implements ChipModel {
  static readonly address = 0x44;
  readonly #nowMs: NowMs;
  #world = { celsius: 25, percent: 50 };
  #heater = false;
  #status = 0;
  #readyAtMs: number | undefined;
  #everyMs: number | undefined;
  /** What the next read gives, if the last command asks for it. */
  #answer: "nothing" | "single" | "fetch" | "status" = "nothing";

  constructor({ nowMs = (): number => performance.now() } = {}) {
    this.#nowMs = nowMs;
    this.powerUp();
  }

  set(values: ChipValues): void {
    Object.assign(this.#world, checkNumbers("SHT3x", values, { celsius: [-45, 130], percent: [0, 100] }));
  }

  state(): ChipValues {
    return { ...this.#world, heater: this.#heater };
  }

  write(bytes: Uint8Array): boolean {
    if (bytes.length < 2) return true;
    const command = (bytes[0]! << 8) | bytes[1]!;
    this.#answer = "nothing";
    // Bit 1 of the status register tells of a command that was not understood.
    this.#status = this.#run(command) ? this.#status & ~2 : this.#status | 2;
    return true;
  }

  read(length: number): Uint8Array | undefined {
    if (this.#answer === "status") return fit(checked([this.#status | (this.#heater ? 0x2000 : 0)]), length);
    if (this.#answer === "nothing" || this.#readyAtMs === undefined) return undefined;
    if (this.#nowMs() < this.#readyAtMs) return undefined;
    this.#readyAtMs = this.#everyMs === undefined ? undefined : this.#nowMs() + this.#everyMs;
    this.#answer = "nothing";
    const { celsius, percent } = this.#world;
    return fit(
      checked([Math.round(((celsius + 45) / 175) * 65535), Math.round((percent / 100) * 65535)]),
      length,
    );
  }

  powerUp(): void {
    this.#heater = false;
    // Alert pending and reset detected: the defaults of the status register.
    this.#status = 0x8010;
    this.#readyAtMs = this.#everyMs = undefined;
    this.#answer = "nothing";
  }

  /** Whether there is such a command, now. */
  #run(command: number): boolean {
    const shotMs = singleShot[command];
    const everyMs = periodic[command];
    if (shotMs !== undefined) {
      if (this.#everyMs !== undefined) return false;
      this.#readyAtMs = this.#nowMs() + shotMs;
      this.#answer = "single";
    } else if (everyMs !== undefined) {
      this.#everyMs = everyMs;
      this.#readyAtMs = this.#nowMs() + 15;
    } else if (command === 0xe000) this.#answer = "fetch";
    else if (command === 0x3093) this.#everyMs = this.#readyAtMs = undefined;
    else if (command === 0x30a2) this.powerUp();
    else if (command === 0x306d || command === 0x3066) this.#heater = command === 0x306d;
    else if (command === 0xf32d) this.#answer = "status";
    else if (command === 0x3041) this.#status &= ~0x8c10;
    else return false;
    return true;
  }
}

/** Each word is followed by its checksum. */
function checked(words: readonly number[]): Uint8Array {
  return Uint8Array.from(words.flatMap((value) => [...word(value), crc8(word(value))]));
}

/** CRC-8 with polynomial 0x31, initial value 0xFF; 0xBEEF has 0x92 (section "Checksum calculation"). */
export function crc8(bytes: Uint8Array): number {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x80 ? 0x31 : 0)) & 0xff;
  }
  return crc;
}
