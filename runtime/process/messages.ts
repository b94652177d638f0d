/** What an isolated driver's process and the node say to each other beside the bus. */
import type { StoredObject, TimeReading } from "../plugin/contract.ts";

export type ToNode =
  /** The process still turns round. */
  | { kind: "alive" }
  | { kind: "object"; id: number; object: StoredObject }
  | { kind: "time"; reading: TimeReading }
  | { kind: "secret"; id: number; name: string }
  /** Why it ends. */
  | { kind: "failed"; code: string; message: string; hint?: string };

export type ToPlugin =
  /** Kept, or why not. */
  | { kind: "object"; id: number; error?: TellableError }
  | { kind: "secret"; id: number; text: string }
  | { kind: "secret"; id: number; error: TellableError };

export interface TellableError {
  code: string;
  message: string;
  hint?: string;
}

/** Time between two signs that the process turns round, and how long one may be missing. */
export const aliveMs = 10_000;
export const aliveDeadlineMs = 60_000;
