/**
 * The end of an application, in grace (ETSI GS MEC 011 V3.1.1 sections 5.2.3 and 7.2.11).
 *
 * Who has subscribed is told, and has `timeoutS` to put its things in order and to confirm. Then, or when the time is
 * up, or at once when nobody has subscribed:
 * - STOPPING: its services become INACTIVE;
 * - TERMINATING: its services, subscriptions and registration are removed, and what it was given on the bus is void.
 *
 * In both cases its rules do not hold any more, until it confirms that it is ready again. What is under way is on disk:
 * after a restart the rest of the time runs, never more than `timeoutS`.
 */
import { messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { badRequest, Problem } from "../http/problem.ts";
import type { Apps } from "./apps.ts";
import { createOneByOne } from "./one-by-one.ts";
import type { OperationAction } from "./schema/subscription.ts";
import type { Timers } from "./timers.ts";

export interface TerminationOptions {
  apps: Apps;
  clock: { nowMs(): number };
  timers: Timers;
  /** Tells the application; `false` when it has not subscribed. */
  tell(app: string, action: OperationAction, timeoutS: number): boolean;
  /** Services to INACTIVE. */
  quiet(app: string): Promise<void>;
  /** All that the application had is removed. */
  clear(app: string): Promise<void>;
  /** Rules are to be looked at again. */
  applyRules(): Promise<void>;
  log: Log;
}

export type Termination = ReturnType<typeof createTermination>;

export function createTermination(options: TerminationOptions) {
  const { apps, clock, timers, tell, quiet, clear, applyRules, log } = options;
  const nameOf = (app: string) => `ending ${app}`;
  /** So that nothing confirms what is just being done. */
  const oneByOne = createOneByOne();

  async function finish(app: string, action: OperationAction, why: string): Promise<void> {
    timers.clear(nameOf(app));
    const { ending: _done, ready: _up, ...record } = apps.record(app);
    log.info("application ended", { app, action, why });
    if (action === "STOPPING") await quiet(app);
    else await clear(app);
    const { info: _gone, guest, ...rest } = record;
    if (action === "STOPPING") await apps.keep(app, { ...record, off: true });
    else await apps.keep(app, guest ? {} : { ...rest, off: true });
    await applyRules();
  }

  function arm(app: string, action: OperationAction, leftMs: number): void {
    timers.set(nameOf(app), leftMs, () => {
      oneByOne(async () => {
        if (apps.record(app).ending) await finish(app, action, "its time is up");
      }).catch((error: unknown) => log.error("application can't be ended", { app, error: messageOf(error) }));
    });
  }

  async function begin(app: string, action: OperationAction, timeoutS: number, by: string): Promise<void> {
    const deadlineMs = clock.nowMs() + timeoutS * 1_000;
    log.info("application is to end", { app, action, timeoutS, by });
    await apps.keep(app, { ...apps.record(app), ending: { action, timeoutS, deadlineMs } });
    if (!tell(app, action, timeoutS)) return finish(app, action, "it has not asked to be told");
    arm(app, action, timeoutS * 1_000);
  }

  async function confirm(app: string, action: OperationAction): Promise<void> {
    const { ending } = apps.record(app);
    if (!ending)
      throw new Problem(409, "API_CONFLICT", "the application is neither being stopped nor terminated", {
        hint: "confirm after an AppTerminationNotification",
      });
    if (ending.action !== action)
      throw badRequest(`operationAction is ${action}, the notification said ${ending.action}`);
    await finish(app, action, "it has confirmed");
  }

  async function ready(app: string): Promise<void> {
    const { ending, off, ...record } = apps.record(app);
    if (ending)
      throw new Problem(409, "API_CONFLICT", `the application is being ended (${ending.action})`, {
        hint: "confirm the termination",
      });
    if (record.ready && !off) return;
    await apps.keep(app, { ...record, ready: true });
    if (off) await applyRules();
  }

  return {
    /** Resolves when the application was told, or has ended as there is nobody to tell. */
    begin: (app: string, action: OperationAction, timeoutS: number, by: string) =>
      oneByOne(() => begin(app, action, timeoutS, by)),
    /** @throws Problem 409 when nothing is under way, 400 when something else is */
    confirm: (app: string, action: OperationAction) => oneByOne(() => confirm(app, action)),
    /** @throws Problem 409 while it is being ended */
    ready: (app: string) => oneByOne(() => ready(app)),
    /** After a restart. */
    resume(): void {
      for (const app of apps.recorded()) {
        const { ending } = apps.record(app);
        if (!ending) continue;
        const leftMs = Math.min(Math.max(ending.deadlineMs - clock.nowMs(), 0), ending.timeoutS * 1_000);
        arm(app, ending.action, leftMs);
      }
    },
    forget(app: string): void {
      timers.clear(nameOf(app));
    },
  };
}
