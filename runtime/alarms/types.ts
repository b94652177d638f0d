/** The words that alarms share with the target state and the status. */
import type { Quality } from "../plugin/contract.ts";

/** The plugin under which alarms reach the hub; no plugin of a target state may have this name. */
export const alarmsPlugin = "alarms";

export const severities = ["info", "warning", "critical"] as const;
export type Severity = (typeof severities)[number];

export type AlarmCondition =
  /** Holds beyond `limit`; once raised, up to `hysteresis` on the other side of it. */
  | { kind: "above" | "below"; limit: number; hysteresis: number }
  | { kind: "equals"; value: number | string | boolean }
  /** Holds for this quality, and for a worse one. */
  | { kind: "quality"; quality: Exclude<Quality, "good"> };

export interface AlarmTarget {
  /** One path segment: the alarm's records are `alarms/<name>`. */
  name: string;
  plugin: string;
  /** Path below the plugin. */
  point: string;
  condition: AlarmCondition;
  /** How long the condition must hold before it is raised. */
  holdMs: number;
  /** How long it must not hold before it is cleared. */
  clearHoldMs: number;
  severity: Severity;
}

export interface AlarmStatus {
  name: string;
  /** `plugin/device/quantity`. */
  point: string;
  severity: Severity;
  /** `pending` will be raised, and `clearing` cleared, when it stays so for its hold time. */
  state: "clear" | "pending" | "raised" | "clearing";
  /** Unix time in milliseconds of the last change of `state`; left out where there was none yet. */
  sinceMs?: number;
  /** Of the latest sample; `null` for one that had none. Left out before the first, and for data. */
  value?: number | string | boolean | null;
  /** Whether that sample was good. */
  quality?: Quality;
}
