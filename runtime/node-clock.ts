import { existsSync, type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import { monotonicMs } from "./boot.ts";
import type { Clock } from "./clock.ts";
import type { ClockTrust } from "./target/types.ts";

/**
 * The system's clock, and whether it can be believed.
 *
 * systemd-timesyncd makes the file `synchronized` once it has set the clock (systemd-timesyncd.service(8)).
 * Where timesyncd runs, `auto` waits for that; elsewhere it believes any time that is not before this program
 * was made. What was believed once stays so: a step later is the outbox's matter.
 */
export class NodeClock implements Clock {
  readonly #file: string;
  #trust: ClockTrust;
  #known = false;
  #watcher: FSWatcher | undefined;

  constructor(trust: ClockTrust, file = "/run/systemd/timesync/synchronized") {
    this.#trust = trust;
    this.#file = file;
    this.#look();
  }

  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return monotonicMs();
  }

  known(): boolean {
    return this.#known && Date.now() >= oldestBelievedMs;
  }

  setTrust(trust: ClockTrust): void {
    this.#trust = trust;
    this.#look();
  }

  /** Believes the clock as it is: for a node that reaches its hub, but no time server. */
  assume(): void {
    this.#known = true;
  }

  /** Calls `listener` once the clock is known, by the kernel's notice. */
  onKnown(listener: () => void): void {
    if (this.known()) return;
    const directory = dirname(this.#file);
    if (!existsSync(directory)) return;
    this.#watcher = watch(directory, { persistent: false }, () => {
      this.#look();
      if (!this.known()) return;
      this.close();
      listener();
    });
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #look(): void {
    const synchronized = existsSync(this.#file);
    if (this.#trust === "always" || synchronized) this.#known = true;
    else if (this.#trust === "auto" && !existsSync(dirname(this.#file))) this.#known = true;
  }
}

/** No clock is right that shows a time before this program was made. */
const oldestBelievedMs = Date.UTC(2026, 10, 1);
