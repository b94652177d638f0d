/**
 * Turns at the bus: one transfer at a time.
 *
 * Whoever waits longest is next, after those that are urgent (commands). A device waits with one transfer at most
 * and takes its place at the end again for the next, so devices go round; nobody waits longer than one transfer of
 * each other device.
 *
 * The kernel's adapters give a transfer up by themselves, most after 1 s; some (virtio's among them) never do, and
 * nothing here can make them. So a turn that takes longer than `timeoutMs` makes the bus *stuck*: it, all that wait
 * and all that come fail at once, and no further transfer is begun, until the kernel lets go of the first.
 */
import type { UmecError } from "../../../runtime/plugin/sdk.ts";

export interface Turns {
  /**
   * Does the work when its turn has come, and nobody else's until it has ended. Rejects with what `stuckError` gives
   * while the bus is stuck.
   */
  take<T>(work: () => Promise<T>, how?: { urgent?: boolean }): Promise<T>;
}

interface Waiting {
  start: () => void;
  giveUp: (error: UmecError) => void;
}

export interface TurnsOptions {
  /** Longest turn, in milliseconds. */
  timeoutMs: number;
  /** What all get while a turn lasts longer than that. */
  stuckError: (timeoutMs: number) => UmecError;
}

export function createTurns({ timeoutMs, stuckError }: TurnsOptions): Turns {
  const urgent: Waiting[] = [];
  const others: Waiting[] = [];
  let taken = false;
  let stuck: UmecError | undefined;

  function next(): void {
    stuck = undefined;
    const waiting = urgent.shift() ?? others.shift();
    taken = waiting !== undefined;
    waiting?.start();
  }

  function giveUp(): UmecError {
    stuck = stuckError(timeoutMs);
    for (const waiting of [...urgent.splice(0), ...others.splice(0)]) waiting.giveUp(stuck);
    return stuck;
  }

  return {
    async take(work, how = {}) {
      if (stuck) throw stuck;
      if (taken) {
        await new Promise<void>((start, reject) =>
          (how.urgent ? urgent : others).push({ start, giveUp: reject }),
        );
      }
      taken = true;
      const limit = Promise.withResolvers<never>();
      const timer = setTimeout(() => limit.reject(giveUp()), timeoutMs);
      const done = work().finally(() => {
        clearTimeout(timer);
        next();
      });
      return Promise.race([done, limit.promise]);
    },
  };
}
