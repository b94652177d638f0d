/**
 * What the node tells its hub about updates: reports on the chain of the plugin `update` (../update-wire.ts).
 *
 * `report` resolves when the report is on disk in the outbox, so it reaches the hub whenever there is a link, also after
 * the restart that it tells of.
 *
 * Bounds. There are `burst` reports, and one more each `everyMs`. The last third of them is for ends (`good`, `refused`,
 * `failed`, `fell-back`); a step that finds no room is left out, and the log has it. An end without room waits: an order has one end.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { NewRow } from "../outbox/types.ts";
import { encodeRecord } from "../senml/cbor.ts";
import { describeReport, formatReport, isEnd, updatePlugin } from "../update-wire.ts";
import type { UpdateReport } from "./types.ts";

export interface JournalOptions {
  outbox: { append(row: NewRow): Promise<unknown> };
  clock: Pick<Clock, "monotonicMs">;
  log: Log;
  /** @default 60 */
  burst?: number;
  /** @default 10_000 */
  everyMs?: number;
}

export class UpdateJournal {
  readonly #options: Required<JournalOptions>;
  #left: number;
  #atMs: number;

  constructor(options: JournalOptions) {
    this.#options = { burst: 60, everyMs: 10_000, ...options };
    this.#left = this.#options.burst;
    this.#atMs = options.clock.monotonicMs();
  }

  /** Resolves when it is on disk. @throws UmecError `UPDATE_REPORT_FAILED`, and what `signal` is aborted with */
  async report(report: UpdateReport, signal?: AbortSignal): Promise<void> {
    const { burst, everyMs, log, outbox } = this.#options;
    const said = describeReport("the node", report);
    if (isEnd(report.phase)) {
      while (this.#refill() < 1) await sleep(everyMs, undefined, signal ? { signal } : {});
    } else if (this.#refill() <= burst / 3) {
      log.warn(`too many reports of updates, and this one is left out: ${said}`);
      return;
    }
    this.#left -= 1;
    log.info(said, { ...report });
    try {
      await outbox.append(this.#row(report));
    } catch (cause) {
      throw new UmecError("UPDATE_REPORT_FAILED", `a report can't be written: ${messageOf(cause)}`, {
        cause,
      });
    }
  }

  #refill(): number {
    const { burst, everyMs, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#left = Math.min(burst, this.#left + (nowMs - this.#atMs) / everyMs);
    this.#atMs = nowMs;
    return this.#left;
  }

  #row(report: UpdateReport): NewRow {
    return {
      plugin: updatePlugin,
      lane: "alarm",
      time: { monotonicMs: this.#options.clock.monotonicMs() },
      samples: 1,
      records: encodeRecord({ n: report.phase, vs: formatReport(report) }),
    };
  }
}
