/**
 * Samples of edges that wait to be emitted.
 *
 * While an emit waits for the outbox edges go on. They collect here, `capacity` of them, and when there are more the
 * oldest go, as in the kernel: what is true now is known always. Of each name it is kept how many went, here and in the
 * kernel; the next sample of that name is `uncertain` and says it, and `<name>/lost` is the sum since the start.
 */
import type { Sample } from "../../runtime/plugin/sdk.ts";

export interface EdgeQueue {
  /** `lost`: edges that went missing in the kernel right before this one. @default 0 */
  push(sample: Sample, lost?: number): void;
  /** Resolves when there is something to take; rejects with the signal's reason. */
  filled(signal: AbortSignal): Promise<void>;
  /** Takes the oldest; at most two samples for each of `count`. */
  take(count: number): Sample[];
  readonly length: number;
}

interface Waiting {
  sample: Sample;
  lost: number;
}

export function createEdgeQueue(capacity: number): EdgeQueue {
  let items: Waiting[] = [];
  // Items before it are gone; the array is cut now and then, for to shift it each time costs its length.
  let head = 0;
  const dropped = new Map<string, number>();
  const totals = new Map<string, number>();
  let wake = Promise.withResolvers<void>();

  function shift(): Waiting | undefined {
    const item = items[head];
    if (!item) return undefined;
    head++;
    if (head > capacity) {
      items = items.slice(head);
      head = 0;
    }
    return item;
  }

  return {
    push(sample, lost = 0) {
      items.push({ sample, lost });
      if (items.length - head > capacity) {
        const { sample: gone, lost: before } = shift()!;
        dropped.set(gone.name, (dropped.get(gone.name) ?? 0) + before + 1);
      }
      wake.resolve();
    },
    async filled(signal) {
      signal.throwIfAborted();
      if (items.length > head) return;
      wake = Promise.withResolvers();
      const stop = (): void => wake.reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      try {
        await wake.promise;
      } finally {
        signal.removeEventListener("abort", stop);
      }
    },
    take(count) {
      const samples: Sample[] = [];
      for (let taken = 0; taken < count; taken++) {
        const item = shift();
        if (!item) break;
        const { sample } = item;
        const lost = item.lost + (dropped.get(sample.name) ?? 0);
        dropped.delete(sample.name);
        if (lost === 0) {
          samples.push(sample);
          continue;
        }
        const total = (totals.get(sample.name) ?? 0) + lost;
        totals.set(sample.name, total);
        const reason = `${lost} ${lost === 1 ? "edge" : "edges"} before it went missing: too many at once`;
        samples.push({ ...sample, quality: "uncertain", reason });
        samples.push({ ...sample, name: `${sample.name}/lost`, value: total, unit: "count" });
      }
      return samples;
    },
    get length() {
      return items.length - head;
    },
  };
}
