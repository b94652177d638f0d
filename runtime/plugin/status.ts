/** A plugin as its supervisor sees it. */
export interface PluginStatus {
  name: string;
  driver: string;
  required: boolean;
  /** `waiting`: it failed, and is started again at `nextStartMs`. */
  state: "starting" | "running" | "waiting" | "stopping" | "stopped";
  /** Unix time in milliseconds of the last change of `state`. */
  sinceMs: number;
  nextStartMs?: number;
  restarts: number;
  /** Why it ended last: code and message. */
  lastError?: { code: string; message: string; atMs: number };
  /** Samples given to `emit`. */
  emitted: number;
  /** Samples acknowledged as durable. */
  stored: number;
  /** Samples refused: invalid, overloaded, flooding, or the outbox could not take them. */
  refused: number;
  /** Unix time in milliseconds of the last sample stored. */
  lastSampleMs?: number;
  /** The latest value of up to 20 points. */
  lastValues: Record<string, number | string | boolean>;
}
