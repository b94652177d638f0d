import { setTimeout as delay } from "node:timers/promises";

const everyBytes = 256 * 1024;

/** Long work on the thread that also carries samples: after each 256 KiB it rests as long as they took. */
export class Breath {
  #sinceMs = performance.now();
  #bytes = 0;

  async take(bytes: number, signal: AbortSignal): Promise<void> {
    this.#bytes += bytes;
    if (this.#bytes < everyBytes) return;
    this.#bytes = 0;
    await delay(performance.now() - this.#sinceMs, undefined, { signal }).catch(() =>
      signal.throwIfAborted(),
    );
    this.#sinceMs = performance.now();
  }
}
