/**
 * Follows a camera's events: subscribe, ask for all states, pull, renew, and begin anew when the subscription is gone.
 *
 * A subscription ends without a word when the camera starts again or when it has forgotten to renew it, so every
 * refusal of a pull leads to a new one. After each begin the camera tells its states (SetSynchronizationPoint), so a
 * change that fell into a gap is told late but not lost; only something that came and went within the gap is.
 */
import { type Host, isUmecError, messageOf } from "../../runtime/plugin/sdk.ts";
import { type Subscription, subscribe } from "./events.ts";
import { isFault } from "./fault.ts";
import type { Notification } from "./notification.ts";
import type { Soap } from "./soap.ts";

export interface FollowOptions {
  soap: Soap;
  /** Of the event service. */
  address: string;
  host: Host;
  title: string;
  waitMs: number;
  lifeMs: number;
  timeoutMs: number;
  /** Between a failure and the next subscription. */
  retryMs: number;
  /** Of the time at which the camera is there. */
  signal: AbortSignal;
  /** The camera has answered. */
  answered: () => void;
  take: (events: Notification[]) => Promise<void>;
  /** The connection or the login failed: is the camera still there? */
  trouble: () => void;
}

/** A camera that answers at once although nothing happens would be asked without end. */
const leastPullMs = 500;
const leaveMs = 1000;

/** Resolves when the signal aborts, and the camera knows that nobody pulls any more. */
export async function followEvents(options: FollowOptions): Promise<void> {
  const { soap, address, host, title, lifeMs, timeoutMs, retryMs, signal } = options;
  let failures = 0;
  while (!signal.aborted) {
    let subscription: Subscription | undefined;
    try {
      subscription = await subscribe(soap, { address, lifeMs, timeoutMs, signal });
      options.answered();
      await subscription.synchronize(signal).catch((error: unknown) => tolerate(error, host, title));
      await pullFrom(subscription, options, () => {
        failures = 0;
      });
    } catch (error) {
      if (!signal.aborted) {
        failures += 1;
        if (failures === 1) host.log.info(`${title}: events begin anew: ${messageOf(error)}`);
        if (!isFault(error) || error.code === "ONVIF_UNAUTHORIZED") options.trouble();
      }
      const wait =
        failures <= 1 ? Math.min(retryMs, leastPullMs) : Math.min(60_000, retryMs * 2 ** (failures - 2));
      await host.scheduler.sleep(wait, signal).catch(() => {});
    } finally {
      if (subscription && signal.aborted) await leave(subscription);
    }
  }
}

async function pullFrom(
  subscription: Subscription,
  { host, title, waitMs, signal, answered, take }: FollowOptions,
  worked: () => void,
): Promise<never> {
  // A pull lasts at most half of the life, so that a renewal comes in time.
  const pullMs = Math.max(100, Math.min(waitMs, Math.floor(subscription.lifeMs / 3)));
  let renewedMs = host.clock.monotonicMs();
  let renews = true;
  for (;;) {
    const startedMs = host.clock.monotonicMs();
    const events = await subscription.pull(pullMs, signal);
    worked();
    answered();
    if (events.length > 0) await take(events);
    const nowMs = host.clock.monotonicMs();
    if (renews && nowMs - renewedMs >= subscription.lifeMs / 3) {
      try {
        await subscription.renew(signal);
        renewedMs = nowMs;
      } catch (error) {
        // Some cameras know no Renew: there each pull prolongs (Core section 9.1.1), or a new subscription does.
        tolerate(error, host, title);
        renews = false;
      }
    }
    const rest = Math.min(leastPullMs, pullMs) - (nowMs - startedMs);
    if (events.length === 0 && rest > 0) await host.scheduler.sleep(rest, signal);
  }
}

/** A camera that does not know a request goes on without it. */
function tolerate(error: unknown, host: Host, title: string): void {
  if (!isFault(error) && !isUmecError(error, "ONVIF_STATUS")) throw error;
  host.log.debug(`${title}: ${messageOf(error)}`);
}

/** With a signal of its own: the other one has aborted. */
async function leave(subscription: Subscription): Promise<void> {
  await subscription.unsubscribe(AbortSignal.timeout(leaveMs)).catch(() => {});
}
