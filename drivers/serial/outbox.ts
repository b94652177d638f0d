/**
 * Samples on their way to the host. One emit is under way at a time, and what comes meanwhile goes together with the
 * next; while the disk is down at most {@link maxWaiting} wait, and the oldest go first.
 */
import { type Host, messageOf, type Sample } from "../../runtime/plugin/sdk.ts";

export const maxWaiting = 2000;

export interface Outbox {
  put(samples: readonly Sample[]): void;
}

export function createOutbox(host: Pick<Host, "emit" | "log">, signal: AbortSignal): Outbox {
  let waiting: Sample[] = [];
  let busy = false;
  let lost = 0;

  async function send(): Promise<void> {
    busy = true;
    while (waiting.length > 0 && !signal.aborted) {
      const batch = waiting;
      waiting = [];
      try {
        await host.emit(batch);
      } catch (error) {
        if (!signal.aborted) host.log.warn(`${batch.length} samples were not stored: ${messageOf(error)}`);
      }
      if (lost > 0) host.log.warn(`${lost} samples were lost: they came faster than they could be stored`);
      lost = 0;
    }
    busy = false;
  }

  return {
    put(samples) {
      waiting.push(...samples);
      if (waiting.length > maxWaiting) {
        lost += waiting.length - maxWaiting;
        waiting = waiting.slice(-maxWaiting);
      }
      if (!busy) void send();
    },
  };
}
