import type { Sample } from "./contract.ts";
import type { PluginStatus } from "./status.ts";

const mostPoints = 20;
const longestText = 100;

/** What a plugin's status says of its samples, over all its runs. */
export class Tally {
  emitted = 0;
  stored = 0;
  refused = 0;
  lastSampleMs: number | undefined;
  /** Of the points that sampled first; the set does not change while the plugin is there. */
  readonly #values = new Map<string, number | string | boolean | null>();
  readonly #faults = new Map<string, string>();

  addStored(samples: readonly Sample[], nowMs: number): void {
    this.stored += samples.length;
    this.lastSampleMs = nowMs;
    for (const { name, value, quality = "good", reason } of samples) {
      if (value instanceof Uint8Array) continue;
      if (this.#values.size >= mostPoints && !this.#values.has(name)) continue;
      this.#values.set(name, typeof value === "string" ? value.slice(0, longestText) : value);
      if (quality === "good") this.#faults.delete(name);
      else this.#faults.set(name, reason === undefined ? quality : `${quality}: ${reason}`);
    }
  }

  snapshot(): Pick<
    PluginStatus,
    "emitted" | "stored" | "refused" | "lastSampleMs" | "lastValues" | "lastFaults"
  > {
    const { emitted, stored, refused, lastSampleMs } = this;
    return {
      emitted,
      stored,
      refused,
      ...(lastSampleMs !== undefined && { lastSampleMs }),
      lastValues: Object.fromEntries(this.#values),
      ...(this.#faults.size > 0 && { lastFaults: Object.fromEntries(this.#faults) }),
    };
  }
}
