/**
 * One alarm: from samples to "raised" and "cleared".
 *
 *     clear ──holds──► pending ──for holdMs──► raised ──over──► clearing ──for clearHoldMs──► clear
 *       ◄────over────────┘                        ◄────holds──────┘
 *
 * - A sample is judged when the node has stored it; times that it says itself do not count, since devices that send
 *   what they have gathered would raise alarms of yesterday, and clear them, in one go.
 * - No sample is no news: an alarm stays as it is, and a hold time that runs, runs out.
 * - A bad sample says nothing about a value, so it changes an alarm about values no more than none would; make an
 *   alarm of the quality to be told. An uncertain sample counts.
 */
import type { Quality } from "../plugin/contract.ts";
import type { AlarmCondition, AlarmStatus, AlarmTarget } from "./types.ts";

/** What an alarm sees of a sample. */
export interface Observed {
  value: number | string | boolean | Uint8Array | null;
  unit?: string;
  quality: Quality;
  reason?: string;
}

export interface AlarmOptions {
  target: AlarmTarget;
  /** Whether it was raised when the node was last there. @default false */
  raised?: boolean;
  /** Unix time, for the status. */
  nowMs(): number;
  /** It was raised or cleared by that sample. */
  onChange(active: boolean, sample: Observed): void;
}

export class Alarm {
  readonly target: AlarmTarget;
  readonly #options: AlarmOptions;
  #state: AlarmStatus["state"];
  #sinceMs: number | undefined;
  #latest: Observed | undefined;
  /** The latest that said something. */
  #telling: Observed | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AlarmOptions) {
    this.target = options.target;
    this.#options = options;
    this.#state = options.raised ? "raised" : "clear";
  }

  /** Whether it is raised, or is just being cleared. */
  get active(): boolean {
    return this.#state === "raised" || this.#state === "clearing";
  }

  take(sample: Observed): void {
    const { condition, holdMs, clearHoldMs } = this.target;
    const holds = judge(condition, sample, this.active);
    this.#latest = sample;
    if (holds === undefined) return;
    this.#telling = sample;
    if (this.#state === "clear" && holds) this.#hold("pending", holdMs, true);
    else if (this.#state === "pending" && !holds) this.#enter("clear");
    else if (this.#state === "raised" && !holds) this.#hold("clearing", clearHoldMs, false);
    else if (this.#state === "clearing" && holds) this.#enter("raised");
  }

  /** Ends its timer. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  status(): AlarmStatus {
    const { name, plugin, point, severity } = this.target;
    const { value, quality } = this.#latest ?? {};
    return {
      name,
      point: `${plugin}/${point}`,
      severity,
      state: this.#state,
      ...(this.#sinceMs !== undefined && { sinceMs: this.#sinceMs }),
      ...(value !== undefined && !(value instanceof Uint8Array) && { value }),
      ...(quality !== undefined && { quality }),
    };
  }

  #hold(state: "pending" | "clearing", ms: number, active: boolean): void {
    const change = (): void => {
      this.#enter(active ? "raised" : "clear");
      this.#options.onChange(active, this.#telling!);
    };
    if (ms === 0) {
      change();
      return;
    }
    this.#enter(state);
    this.#timer = setTimeout(change, ms);
  }

  #enter(state: AlarmStatus["state"]): void {
    clearTimeout(this.#timer);
    this.#state = state;
    this.#sinceMs = this.#options.nowMs();
  }
}

/** Whether the condition holds; `undefined` when the sample does not say. */
export function judge(condition: AlarmCondition, sample: Observed, active: boolean): boolean | undefined {
  const { value, quality } = sample;
  if (condition.kind === "quality")
    return quality === "bad" || (quality === "uncertain" && condition.quality === "uncertain");
  if (quality === "bad") return undefined;
  if (condition.kind === "equals") return value === condition.value;
  if (typeof value !== "number") return undefined;
  const { kind, limit, hysteresis } = condition;
  const room = active ? hysteresis : 0;
  return kind === "above" ? value > limit - room : value < limit + room;
}
