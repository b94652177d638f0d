/**
 * Whether the camera is there, and what that means for its values.
 *
 * `online` changes on the lane `alarm`. While the camera is away nobody knows whether there is motion: so each value
 * that was told, and that was a state, is told once more as bad, with the reason. When the camera is back it tells its
 * states anew.
 */
import { type Host, messageOf, type Sample } from "../../runtime/plugin/sdk.ts";
import { type EventSample, segment } from "./topics.ts";

export interface Presence {
  /** `undefined` until known. */
  readonly online: boolean | undefined;
  back(): Promise<void>;
  away(error: unknown): Promise<void>;
  /** Emits values and remembers their names. Rejects as `host.emit`. */
  tell(samples: readonly EventSample[]): Promise<void>;
}

/** Most names that are told: a camera that makes up new ones without end is not followed. */
const maxNames = 500;

export function createPresence(host: Host, title: string): Presence {
  const states = new Map<string, EventSample["lane"]>();
  let online: boolean | undefined;
  let warned = false;

  function known(sample: EventSample): boolean {
    if (states.has(sample.name) || states.size < maxNames) return true;
    if (!warned)
      host.log.warn(`${title} has more than ${maxNames} points: ${segment(sample.name)} is left out`);
    warned = true;
    return false;
  }

  async function emit(samples: readonly EventSample[]): Promise<void> {
    for (const lane of ["alarm", "telemetry", "bulk"] as const) {
      const part = samples
        .filter((sample) => sample.lane === lane)
        .map(({ lane: _, ...sample }): Sample => sample);
      if (part.length > 0) await host.emit(part, { lane });
    }
  }

  async function become(now: boolean, more: readonly EventSample[]): Promise<void> {
    online = now;
    await emit([{ name: "online", value: now, lane: "alarm" }, ...more]);
  }

  return {
    get online() {
      return online;
    },
    async back() {
      if (online === true) return;
      host.log.info(`${title} is there`);
      await become(true, []);
    },
    async away(error) {
      if (online === false) return;
      host.log.warn(`${title} is away: ${messageOf(error)}`, { error });
      const reason = messageOf(error).slice(0, 200);
      const bad = [...states].map(
        ([name, lane]): EventSample => ({ name, value: null, quality: "bad", reason, lane }),
      );
      await become(false, bad);
    },
    async tell(samples) {
      const told = samples.filter(known);
      for (const { name, lane } of told) states.set(name, lane);
      await emit(told);
    },
  };
}
