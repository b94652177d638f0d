/**
 * How fast a plugin may emit: a bucket of samples and a bucket of bytes, each filled at the plugin's rate up to
 * what {@link longestBurstS} seconds bring; of samples no more than {@link mostAtOnce}, but always what one second
 * brings: to read thousands of packs at once is what the others would feel. An emit is let through as long as neither bucket
 * is empty, and may overdraw it: one large pack is no flood, and its debt is paid before the next.
 */
export interface EmitRate {
  /** Samples a second. */
  samplesPerS: number;
  bytesPerS: number;
}

const longestBurstS = 5;
const mostAtOnce = 1000;

function burstOf(samplesPerS: number): number {
  return Math.min(longestBurstS * samplesPerS, Math.max(samplesPerS, mostAtOnce));
}

export class EmitLimit {
  #rate: EmitRate;
  #samples: number;
  #bytes: number;
  #filledMs: number;

  /** @param nowMs on a monotonic clock, here and below */
  constructor(rate: EmitRate, nowMs: number) {
    this.#rate = rate;
    this.#samples = burstOf(rate.samplesPerS);
    this.#bytes = longestBurstS * rate.bytesPerS;
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
    this.#samples = Math.min(this.#samples + seconds * samplesPerS, burstOf(samplesPerS));
    this.#bytes = Math.min(this.#bytes + seconds * bytesPerS, longestBurstS * bytesPerS);
    return this.#samples > 0 && this.#bytes > 0;
  }

  /** How many seconds' worth of samples went through beyond what the bucket held. */
  get overdrawnS(): number {
    return Math.max(0, -this.#samples / this.#rate.samplesPerS);
  }

  charge(samples: number, bytes: number): void {
    this.#samples -= samples;
    this.#bytes -= bytes;
  }
}
