import type { Readable } from "node:stream";

/** Takes bytes from a stream by count. While nobody takes, the stream is not read. */
export class ByteReader {
  readonly #stream: Readable;
  #ended = false;
  #wake = Promise.withResolvers<void>();

  constructor(stream: Readable) {
    this.#stream = stream;
    const wake = () => this.#wake.resolve();
    stream.on("readable", wake);
    for (const event of ["end", "close", "error"]) {
      stream.on(event, () => {
        this.#ended = true;
        wake();
      });
    }
  }

  /** Exactly `count` bytes; `undefined` when the stream ends before. */
  async take(count: number): Promise<Buffer | undefined> {
    if (count === 0) return Buffer.alloc(0);
    for (;;) {
      this.#wake = Promise.withResolvers();
      const bytes = this.#stream.read(count) as Buffer | null;
      if (bytes !== null) return bytes.length === count ? bytes : undefined;
      if (this.#ended) return undefined;
      await this.#wake.promise;
    }
  }
}
