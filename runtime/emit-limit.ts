/**
 * How fast a plugin may emit: a bucket of samples and a bucket of bytes, each filled at the plugin's rate up to
 * what `burstS` seconds bring. An emit is let through as long as neither bucket is empty, and may overdraw it:
 * one large pack is no flood, and its debt is paid before the next.
 */
export interface EmitRate {
  /** Samples a second. */
  samplesPerS: number;
  bytesPerS: number;
}

const burstS = 5;

export class EmitLimit {
  #rate: EmitRate;
  #samples: number;
  #bytes: number;
  #filledMs: number;

  /** @param nowMs on a monotonic clock, here and below */
  constructor(rate: EmitRate, nowMs: number) {
    this.#rate = rate;
    this.#samples = burstS * rate.samplesPerS;
    this.#bytes = burstS * rate.bytesPerS;
    this.#filledMs = nowMs;
  }

  set rate(rate: EmitRate) {
    this.#rate = rate;
  }

  /** Whether an emit is let through now. */
  isOpen(nowMs: number): boolean {
    const seconds = Math.max(0, nowMs - this.#filledMs) / 1000;
    this.#filledMs = nowMs;
    const { samplesPerS, bytesPerS } = this.#rate;
    this.#samples = Math.min(this.#samples + seconds * samplesPerS, burstS * samplesPerS);
    this.#bytes = Math.min(this.#bytes + seconds * bytesPerS, burstS * bytesPerS);
    return this.#samples > 0 && this.#bytes > 0;
  }

  charge(samples: number, bytes: number): void {
    this.#samples -= samples;
    this.#bytes -= bytes;
  }
}
