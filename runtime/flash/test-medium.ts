/** A card in memory, for tests: it can lie, fail, and tells in which order it was written. */
import { UmecError } from "../errors.ts";
import type { Medium } from "./medium.ts";

export interface MemoryMediumOptions {
  bytes: number;
  /** What it holds before. @default 0xa5 everywhere */
  fill?: number;
  /** Bytes of it that are there; what goes behind them comes back from the beginning, as of a card that lies. */
  realBytes?: number;
  /** A write that reaches this byte fails. @default none */
  failAt?: number;
}

export class MemoryMedium implements Medium {
  readonly path = "memory";
  readonly direct = true;
  readonly bytes: number;
  readonly content: Buffer;
  /** Where each write began, and `sync`. */
  readonly log: (number | "sync")[] = [];
  readonly #realBytes: number;
  readonly #failAt: number;

  constructor({
    bytes,
    fill = 0xa5,
    realBytes = bytes,
    failAt = Number.POSITIVE_INFINITY,
  }: MemoryMediumOptions) {
    this.bytes = bytes;
    this.content = Buffer.alloc(bytes, fill);
    this.#realBytes = realBytes;
    this.#failAt = failAt;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.log.push(position);
    if (position + bytes.length > this.#failAt) throw new UmecError("FLASH_WRITE", "it fails there");
    this.content.set(bytes, position % this.#realBytes);
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const at = position % this.#realBytes;
    return this.content.subarray(at, at + length);
  }

  async sync(): Promise<void> {
    this.log.push("sync");
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
