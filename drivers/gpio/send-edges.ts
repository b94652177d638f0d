import { type Host, isUmecError, type Lane } from "../../runtime/plugin/sdk.ts";
import type { EdgeQueue } from "./edge-queue.ts";

/** Most edges of one emit: with a sample for losses each, half of what an emit may hold. */
const batch = 2500;
const againMs = 1000;

/**
 * Emits what is in the queue, as much at once as has collected meanwhile, one emit at a time. What the outbox refuses
 * is tried again each second; a part of it may then be stored twice, with the same time. Rejects when the plugin
 * stops, or with an error that trying again does not mend.
 */
export async function sendEdges(
  queue: EdgeQueue,
  lane: Lane,
  host: Host,
  signal: AbortSignal,
): Promise<never> {
  for (;;) {
    await queue.filled(signal);
    const samples = queue.take(batch);
    for (let sent = false; !sent; ) {
      try {
        await host.emit(samples, { lane });
        sent = true;
      } catch (error) {
        signal.throwIfAborted();
        if (!isUmecError(error, "EMIT_REFUSED") && !isUmecError(error, "EMIT_OVERLOADED")) throw error;
        host.log.warn(`${samples.length} samples were not stored, and are sent again: ${error.message}`);
        await host.scheduler.sleep(againMs);
      }
    }
  }
}
