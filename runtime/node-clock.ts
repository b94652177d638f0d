/**
 * The system's clock, and whether it can be believed.
 *
 * Who tells the time, the best first:
 * 1. **A time service.** systemd-timesyncd makes the file `synchronized` once it has set the clock
 *    (systemd-timesyncd.service(8)). Where timesyncd runs, `auto` waits for that; elsewhere it believes any time that
 *    is not before this program was made, and `always` believes it anywhere.
 * 2. **A plugin** that has a receiver (`offer`), once several of its readings agree (time-agreement.ts). The system's
 *    clock is set by them, so that all programs have the time. Where that is not allowed, the node counts from the
 *    monotonic clock for itself: samples have right times, the log's lines have not. Later readings correct what has
 *    drifted by more than they can be wrong.
 * 3. **Nobody**: the node reaches its hub, and believes its clock after a while (`assume`).
 *
 * Beside that a time can be told before which it is not (`notBefore`): a clock that shows less is moved there, so that
 * certificates are not refused as not yet valid. It is not known by that.
 *
 * A better source takes the place of a worse one, at any time; listeners of `onKnown` are told, and what was stored
 * gets the better time. What was believed once stays known: a step later is the outbox's matter.
 */
import { existsSync, type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import { monotonicMs } from "./boot.ts";
import type { Clock } from "./clock.ts";
import { type Log, silentLog } from "./log.ts";
import type { TimeReading } from "./plugin/contract.ts";
import { type SetClock, setSystemClock } from "./set-clock.ts";
import type { ClockTrust } from "./target/types.ts";
import { TimeAgreement } from "./time-agreement.ts";

export interface NodeClockOptions {
  /** What timesyncd makes. @default "/run/systemd/timesync/synchronized" */
  file?: string;
  log?: Log;
  /** @default clock_settime(2) */
  set?: SetClock;
  /** @default Date.now */
  systemMs?: () => number;
  /** @default the kernel's */
  monotonicMs?: () => number;
}

/** Who told the time. */
export type ClockSource = "nobody" | "assumed" | "plugin" | "system";

/** No clock is right that shows a time before this program was made. */
const oldestBelievedMs = Date.UTC(2026, 10, 1);
/** What a correction must exceed beyond the readings' own accuracy, and the time between two. */
const slackMs = 100;
const correctionPauseMs = 60_000;
/** More than a clock drifts in the days that a board may wait for a time. */
const floorSlackMs = 60_000;

export class NodeClock implements Clock {
  readonly #file: string;
  readonly #log: Log;
  readonly #set: SetClock;
  readonly #systemMs: () => number;
  readonly #monotonicMs: () => number;
  readonly #agreement = new TimeAgreement(oldestBelievedMs);
  readonly #listeners = new Set<() => void>();
  #trust: ClockTrust;
  #source: ClockSource = "nobody";
  /** Of a plugin's time where the system's clock could not be set. */
  #offsetMs: number | undefined;
  #correctedMs = Number.NEGATIVE_INFINITY;
  #setting = false;
  #told = false;
  /** The clock as it was moved, `unixMs - monotonicMs`, as long as nobody has told the time since. */
  #floorMs: number | undefined;
  #watcher: FSWatcher | undefined;

  constructor(trust: ClockTrust, options: NodeClockOptions = {}) {
    this.#trust = trust;
    this.#file = options.file ?? "/run/systemd/timesync/synchronized";
    this.#log = options.log ?? silentLog;
    this.#set = options.set ?? setSystemClock;
    this.#systemMs = options.systemMs ?? Date.now;
    this.#monotonicMs = options.monotonicMs ?? monotonicMs;
    this.#look();
  }

  nowMs(): number {
    return this.#offsetMs === undefined ? this.#systemMs() : this.#monotonicMs() + this.#offsetMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs();
  }

  known(): boolean {
    return this.#source !== "nobody" && this.nowMs() >= oldestBelievedMs && !this.#isOnlyFloor();
  }

  get source(): ClockSource {
    return this.known() ? this.#source : "nobody";
  }

  /** What must be added to the monotonic clock, where the system's clock does not show the time. */
  get offsetMs(): number | undefined {
    return this.#offsetMs;
  }

  setTrust(trust: ClockTrust): void {
    this.#trust = trust;
    this.#look();
  }

  /** Believes the clock as it is: for a node that reaches its hub, but no time server. */
  assume(): void {
    this.#floorMs = undefined;
    if (this.#source !== "nobody") return;
    this.#source = "assumed";
  }

  /** It is not earlier than this: the system's clock is moved there when it shows less. It becomes no better known. */
  async notBefore(unixMs: number): Promise<void> {
    if (this.nowMs() >= unixMs) return;
    const refusal = await this.#set(unixMs).catch((error: unknown) => String(error));
    const now = new Date(unixMs).toISOString();
    if (refusal === undefined) {
      this.#floorMs = unixMs - this.#monotonicMs();
      this.#log.info("the clock was moved forward: it is at least this late", { now });
    } else {
      this.#log.warn(`the clock is behind ${now} and can't be set (${refusal})`, {
        code: "CLOCK_NOT_SET",
        hint: "certificates may be refused as not yet valid; give the service CAP_SYS_TIME",
      });
    }
  }

  /** Whether the system's clock still runs from where it was moved to, and only that vouches for it. */
  #isOnlyFloor(): boolean {
    if (this.#floorMs === undefined || this.#source !== "system" || existsSync(this.#file)) return false;
    if (Math.abs(this.#systemMs() - this.#monotonicMs() - this.#floorMs) < floorSlackMs) return true;
    this.#floorMs = undefined;
    return false;
  }

  /**
   * Takes what a plugin's receiver says. It counts as long as no time service has told the time. Resolves when
   * whatever comes of it is done.
   */
  async offer(reading: TimeReading, by: string): Promise<void> {
    if (this.source === "system" || this.#setting) return;
    const agreed = this.#agreement.add(reading, this.#monotonicMs());
    if (!agreed) return;
    const nowMs = this.#monotonicMs();
    const driftMs = this.nowMs() - (nowMs + agreed.offsetMs);
    const first = this.#source !== "plugin";
    const right = Math.abs(driftMs) <= agreed.accuracyMs + slackMs;
    if (!first && (right || nowMs - this.#correctedMs < correctionPauseMs)) return;
    this.#correctedMs = nowMs;
    this.#setting = true;
    try {
      if (!right) await this.#apply(agreed.offsetMs, by, first);
    } finally {
      this.#setting = false;
    }
    this.#source = "plugin";
    // A time service may have come meanwhile: then it is right.
    this.#look();
    if (first) {
      const now = new Date(this.nowMs()).toISOString();
      this.#log.info(`the plugin ${by} told the time`, { now, systemClockSet: this.#offsetMs === undefined });
    }
    for (const listener of [...this.#listeners]) listener();
  }

  async #apply(offsetMs: number, by: string, first: boolean): Promise<void> {
    const refusal = await this.#set(this.#monotonicMs() + offsetMs).catch((error: unknown) => String(error));
    this.#offsetMs = refusal === undefined ? undefined : offsetMs;
    if (refusal === undefined || this.#told) return;
    this.#told = true;
    this.#log.warn(`the system's clock can't be set (${refusal}): only samples get the time of ${by}`, {
      code: "CLOCK_NOT_SET",
      hint: "give the service CAP_SYS_TIME",
      first,
    });
  }

  /** Calls `listener` whenever the clock becomes known, or better known; by the kernel's notice and by offers. */
  onKnown(listener: () => void): void {
    this.#listeners.add(listener);
    const directory = dirname(this.#file);
    if (this.#watcher || this.#source === "system" || !existsSync(directory)) return;
    const look = (): void => {
      this.#look();
      if (this.source !== "system") return;
      this.#unwatch();
      for (const each of [...this.#listeners]) each();
    };
    this.#watcher = watch(directory, { persistent: false }, look);
    // It may have come before the watch began.
    look();
  }

  close(): void {
    this.#unwatch();
    this.#listeners.clear();
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #look(): void {
    const synchronized = existsSync(this.#file);
    const believed =
      this.#trust === "always" ||
      synchronized ||
      (this.#trust === "auto" && !existsSync(dirname(this.#file)));
    if (!believed) return;
    // Where nothing but this program's date vouches for the system's clock, a plugin's time is the better one.
    if (this.#source === "plugin" && !synchronized && this.#trust !== "always") return;
    this.#source = "system";
    this.#offsetMs = undefined;
  }
}
