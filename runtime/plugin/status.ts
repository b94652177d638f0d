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
  /** Of a plugin that is a process of its own. */
  process?: {
    /** Of the last start. */
    pid: number;
    /** What was asked for, where anything was. */
    limits?: { memoryBytes?: number; cpuPercent?: number; devices?: readonly string[] };
    /** Limits that were asked for and don't hold here, or not fully. */
    warnings: string[];
  };
  /** Why it ended last: code and message. */
  lastError?: { code: string; message: string; atMs: number };
  /** Samples given to `emit`. */
  emitted: number;
  /** Samples acknowledged as durable. */
  stored: number;
  /** What the outbox and the bus refused it, and that it was cut off. Absent: nothing. */
  limits?: {
    /** How often, by code: `SENML_INVALID`, `PLUGIN_FLOOD`, `BUS_PUBLISH`, … */
    refused: Record<string, number>;
    cutOffs: number;
    lastCutOff?: { reason: string; atMs: number };
  };
  /** Samples refused: invalid, overloaded, flooding, or the outbox could not take them. */
  refused: number;
  /** Unix time in milliseconds of the last sample stored. */
  lastSampleMs?: number;
  /** The latest value of up to 20 points; `null` for one that was bad and had none. */
  lastValues: Record<string, number | string | boolean | null>;
  /** Of those the ones whose latest sample was not good, and why: `bad: no answer within 500 ms`. */
  lastFaults?: Record<string, string>;
}
