/** What the updater is given, and what it tells. */
import type { Log } from "../log.ts";
import type { Attempt } from "./attempt-file.ts";
import type { WantedUpdate } from "./order-file.ts";
import type { UpdateEngine, UpdatePhase, UpdateReport } from "./types.ts";

/** What the gate found of a slot that is tried. */
export type GateResult = { good: true } | { good: false; reason: string };

export interface UpdaterSettings {
  /** When the node may restart for an update: `02:00-04:00`, UTC. Left out: at any time. */
  window?: string;
  /** Whether it restarts by itself when a new system is installed; else a person says when. */
  automatic: boolean;
}

export interface FetchOptions {
  signal: AbortSignal;
  /** 0 to 100. */
  onProgress?(percent: number): void;
}

export interface UpdaterOptions {
  /** Where `order.json` and `attempt.json` are; it exists. */
  dir: string;
  engine: UpdateEngine;
  journal: { report(report: UpdateReport, signal?: AbortSignal): Promise<void> };
  /**
   * Resolves with the path of the whole bundle, checked against its digest. Waits for the link as long as it takes.
   *
   * @throws UmecError `UPDATE_REFUSED` or `UPDATE_FAILED` when it can never be had; whatever else is tried again
   */
  fetch(wanted: WantedUpdate, options: FetchOptions): Promise<string>;
  /** The order has ended: its bundle is of no use any more. @default nothing */
  discard?(wanted: WantedUpdate): Promise<void>;
  /** RAUC's `compatible` of this system. @default the engine judges it alone */
  compatible?: string | undefined;
  /** The version that runs, where the booted slot's is not written down. */
  version: string;
  /** Of this boot: bootId of ../boot.ts. */
  bootId: string;
  /** Resolves with what came of a slot that is tried. It is asked again after a restart of the program. */
  gate(attempt: Attempt, signal: AbortSignal): Promise<GateResult>;
  /** Why the slot of this attempt does not run, if that can be known. */
  fallBackReason(attempt: Attempt, signal: AbortSignal): Promise<string | undefined>;
  /** Stops the node, draining, and restarts the machine. Rejects when it can't; does not resolve where it works. */
  restart(signal: AbortSignal): Promise<unknown>;
  settings(): UpdaterSettings;
  /** Unix time in milliseconds; `undefined` as long as it is not known. */
  now(): number | undefined;
  log: Log;
  /** Begins with this delay whatever is tried again. @default 5_000 */
  retryMs?: number;
}

/** For `umec status`. */
export interface UpdaterStatus {
  /** The order's. */
  id: string;
  phase: UpdatePhase;
  to?: string;
  /** Of fetching or installing, 0 to 100. */
  percent?: number;
  /** What it waits for, or why the last try failed. */
  reason?: string;
}
