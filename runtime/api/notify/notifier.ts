/**
 * Delivers notifications to applications by HTTP.
 *
 * What it promises
 * - **Order.** Each subscription has a queue of its own, with one delivery under way: its notifications arrive in the
 *   order in which they were made, and a receiver that hangs holds up no other.
 * - **At least one try, no promise of arrival.** Any 2xx is an arrival. 5xx, 408, 421, 425, 429, refused and broken
 *   connections, time-outs and TLS errors are tried again, with exponential back-off and jitter and no sooner than
 *   `retry-after` says; other answers, redirects among them, are final. Redirects are never followed: where the
 *   application lives, it said itself. A try that was cut off may have arrived, so a receiver can hear a thing twice.
 * - **An end.** A notification is given up `giveUpAfterMs` after its first try, and the next one has its turn. A
 *   receiver that has taken nothing for `deadAfterMs`, or answers 410 (Gone), is dead: `onDead` is called, and whoever
 *   owns the subscription removes it.
 * - **Bounds.** `mostWaiting` for each subscription (then the oldest that waits goes: what changed last counts most),
 *   `mostAtOnce` connections in all, `timeoutMs` for each try, 16 KiB and half a second of an answer's body,
 *   two look-ups of names at once.
 *
 * Queues are in memory: after a restart, applications ask for what they missed (GET services) as the standard has them
 * do at their start. Where a notification may go is callback.ts's matter.
 */
import { lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { bulkhead } from "cockatiel";
import type { Log } from "../../log.ts";
import type { CallbackPolicy } from "./callback.ts";
import { limitLookup } from "./lookup.ts";
import { post } from "./post.ts";
import { Queue } from "./queue.ts";
import type { Notifier } from "./types.ts";

export interface NotifierOptions {
  log: Log;
  /** Of one try. @default 5_000 */
  timeoutMs?: number;
  /** @default 300_000 */
  giveUpAfterMs?: number;
  /** @default 86_400_000 */
  deadAfterMs?: number;
  /** @default 500 */
  firstRetryMs?: number;
  /** @default 60_000 */
  slowestRetryMs?: number;
  /** @default 64 */
  mostWaiting?: number;
  /** @default 8 */
  mostAtOnce?: number;
  /** PEM texts of CAs that receivers' certificates may come from, beside those that Node.js trusts. @default [] */
  ca?: readonly string[];
  policy?: CallbackPolicy;
  /** @default the system's */
  lookup?: LookupFunction;
}

export function createNotifier(options: NotifierOptions): Notifier {
  const { log, timeoutMs = 5_000, giveUpAfterMs = 300_000, deadAfterMs = 86_400_000 } = options;
  const { firstRetryMs = 500, slowestRetryMs = 60_000, mostWaiting = 64, mostAtOnce = 8 } = options;
  const { ca = [], policy = {} } = options;
  const queues = new Map<string, Queue>();
  const listeners = new Set<(id: string, reason: string) => void>();
  const lookup = limitLookup(options.lookup ?? (systemLookup as LookupFunction));
  const sockets = bulkhead(mostAtOnce, Number.MAX_SAFE_INTEGER);
  let delivered = 0;
  let dropped = 0;
  let stopped = false;

  function queueOf(id: string, callback: string): Queue {
    const found = queues.get(id);
    if (found) return found;
    const queue = new Queue({
      ...{ id, callback, most: mostWaiting, giveUpAfterMs, deadAfterMs, firstRetryMs, slowestRetryMs, log },
      post: (to, body, signal) =>
        sockets.execute(() => post({ callback: to, body, timeoutMs, ca, policy, lookup, signal })),
      onDelivered: () => delivered++,
      onDropped: () => dropped++,
      onDead(reason) {
        log.warn("a subscription's receiver is taken for dead", { subscription: id, callback, reason });
        for (const listener of listeners) listener(id, reason);
      },
      // One that fails is kept, for it remembers since when.
      onIdle() {
        if (queues.get(id) === queue && !queue.isFailing) queues.delete(id);
      },
    });
    queues.set(id, queue);
    return queue;
  }

  return {
    notify({ id, callback }, body) {
      if (!stopped) queueOf(id, callback).push(JSON.stringify(body));
    },
    forget(id) {
      const queue = queues.get(id);
      queues.delete(id);
      void queue?.stop();
    },
    onDead(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stats() {
      let waiting = 0;
      for (const queue of queues.values()) waiting += queue.waiting;
      return { queues: queues.size, waiting, delivered, dropped };
    },
    async stop() {
      stopped = true;
      const all = [...queues.values()];
      queues.clear();
      await Promise.all(all.map((queue) => queue.stop()));
    },
  };
}
