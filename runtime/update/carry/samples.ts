import { createHash } from "node:crypto";
import { type Readable, readFully } from "../../ota/read-chunks.ts";

const everyBytes = 2 ** 20;
const sampleBytes = 4096;

/** SHA-256 of the first 4 KiB of each MiB of a file or block device, as far as it was read. */
export class Samples {
  readonly #hash = createHash("sha256");

  /** Those before `bytes`; `undefined` when it is not so long. */
  static async of(file: Readable, bytes: number, signal: AbortSignal): Promise<Samples | undefined> {
    const samples = new Samples();
    const piece = Buffer.allocUnsafe(sampleBytes);
    for (let at = 0; at < bytes; at += everyBytes) {
      signal.throwIfAborted();
      const some = piece.subarray(0, Math.min(sampleBytes, bytes - at));
      if (!(await readFully(file, some, at))) return undefined;
      samples.add(at, some);
    }
    return samples;
  }

  /** @param content what lies at `offset`, behind what was added before; far less than 1 MiB */
  add(offset: number, content: Uint8Array): void {
    const past = offset % everyBytes;
    if (past < sampleBytes) this.#hash.update(content.subarray(0, sampleBytes - past));
    const next = everyBytes - past;
    if (next < content.length) this.#hash.update(content.subarray(next, next + sampleBytes));
  }

  /** In hexadecimal. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}
