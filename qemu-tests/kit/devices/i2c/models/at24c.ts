import { valueError } from "../../errors.ts";
import type { ChipModel, NowMs } from "../chip.ts";
import type { ChipValues } from "../handle.ts";

export interface At24cOptions {
  /** 128 or 256 (one address byte), or 4096 to 65536 (two). The sizes between use several bus addresses. @default 4096 */
  size?: number;
  /** Bytes in a page, a power of two. @default 32, of 256 bytes or less 8 */
  pageSize?: number;
  nowMs?: NowMs;
}

const writeCycleMs = 5;

/**
 * AT24C01 and 02, AT24C32 to 512: an EEPROM. Microchip (Atmel), datasheet AT24C32D, sections "Write
 * Operations" (page write, acknowledge polling, write cycle timing) and "Read Operations".
 *
 * A write goes round within its page. It happens at STOP and takes 5 ms in which the chip does not acknowledge.
 * A read goes on round the whole memory, from the address that the last message left.
 *
 * `set({ bytes, at })`: puts bytes at an address (default 0) past the bus. `state()` gives all `bytes`.
 */
export class At24c implements ChipModel {
  static readonly address = 0x50;
  readonly #bytes: Uint8Array;
  readonly #pageSize: number;
  readonly #addressBytes: number;
  readonly #nowMs: NowMs;
  #address = 0;
  #waiting: Uint8Array = new Uint8Array();
  #busyUntilMs = 0;

  constructor({
    size = 4096,
    pageSize = size <= 256 ? 8 : 32,
    nowMs = () => performance.now(),
  }: At24cOptions = {}) {
    if (![128, 256, 4096, 8192, 16384, 32768, 65536].includes(size)) {
      throw valueError(`AT24C: the size is ${size}; it must be 128, 256 or a power of two of 4096 to 65536`);
    }
    this.#bytes = new Uint8Array(size).fill(0xff);
    this.#pageSize = pageSize;
    this.#addressBytes = size <= 256 ? 1 : 2;
    this.#nowMs = nowMs;
  }

  set({ bytes, at = 0, ...rest }: ChipValues): void {
    const isThere = bytes instanceof Uint8Array && Number.isInteger(at) && (at as number) >= 0;
    if (!isThere || Object.keys(rest).length > 0 || (at as number) + bytes.length > this.#bytes.length) {
      throw valueError(
        `AT24C: it takes { bytes: Uint8Array, at: integer } within ${this.#bytes.length} bytes`,
      );
    }
    this.#bytes.set(bytes, at as number);
  }

  state(): ChipValues {
    return { bytes: this.#bytes.slice() };
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isBusy()) return false;
    if (bytes.length < this.#addressBytes) return true;
    const high = this.#addressBytes === 2 ? bytes[0]! << 8 : 0;
    this.#address = (high | bytes[this.#addressBytes - 1]!) % this.#bytes.length;
    this.#waiting = bytes.slice(this.#addressBytes);
    return true;
  }

  read(length: number): Uint8Array | undefined {
    if (this.#isBusy()) return undefined;
    // A repeated START instead of STOP: nothing is written.
    this.#waiting = new Uint8Array();
    const size = this.#bytes.length;
    const bytes = Uint8Array.from({ length }, (_, i) => this.#bytes[(this.#address + i) % size]!);
    this.#address = (this.#address + length) % size;
    return bytes;
  }

  stop(): void {
    if (this.#waiting.length === 0) return;
    const page = this.#address - (this.#address % this.#pageSize);
    for (const byte of this.#waiting) {
      this.#bytes[this.#address] = byte;
      this.#address = page + ((this.#address + 1) % this.#pageSize);
    }
    this.#waiting = new Uint8Array();
    this.#busyUntilMs = this.#nowMs() + writeCycleMs;
  }

  powerUp(): void {
    this.#address = 0;
    this.#waiting = new Uint8Array();
    this.#busyUntilMs = 0;
  }

  #isBusy(): boolean {
    return this.#nowMs() < this.#busyUntilMs;
  }
}
