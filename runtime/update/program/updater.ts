/**
 * The hub's orders for a program alone: from the order to the start of a trial, with a report of each step.
 *
 *     fetching → installing ─(the process is replaced)→ good, fell-back
 *        └──────────└ refused, failed
 *
 * What it promises:
 * 1. **It goes on where it was.** Until the program is installed, an order that comes again, as after each start, begins
 *    anew; what was fetched is there already. From then on the trial knows the order, and has its end.
 * 2. **Each order ends once**, and its end is in the outbox before it is noted. A crash between the two tells it twice;
 *    never not at all.
 * 3. **No loop**: the last order that has ended is not done again.
 *
 * Whoever follows the store (cli/program-run.ts) has the process replaced when a program was installed. That takes no
 * restart of the machine, so it waits for no window.
 */
import { rm, watch } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { makePrivateDirectory } from "../../durable-file.ts";
import { isUmecError, messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { UpdateOrder, UpdateReport } from "../types.ts";
import type { ProgramManifest } from "./manifest.ts";
import { readState, writeState } from "./state.ts";
import { tellOutcome } from "./trial.ts";

export interface ProgramUpdaterOptions {
  /** The store's; left out where there is none: then an order is refused. */
  dir: string | undefined;
  /** The version that runs. */
  running: string;
  /** Resolves with the path of the whole file, checked against its digest. */
  fetch(order: UpdateOrder, signal: AbortSignal): Promise<string>;
  install(path: string, order: UpdateOrder): Promise<ProgramManifest>;
  report(report: UpdateReport): Promise<unknown>;
  log: Log;
  signal: AbortSignal;
  /** What failed is tried again after this. @default 30_000 */
  retryMs?: number;
}

export class ProgramUpdater {
  readonly #options: ProgramUpdaterOptions;
  #id: string | undefined;
  #withdraw = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(options: ProgramUpdaterOptions) {
    this.#options = options;
  }

  /** Tells outcomes of trials, as soon as there are any, until the signal aborts. Never rejects. */
  async follow(): Promise<void> {
    const { dir, report, log, signal } = this.#options;
    if (!dir) return;
    try {
      await makePrivateDirectory(dir);
      const changes = watch(dir, { signal });
      for (let next = changes.next(); !signal.aborted; next = changes.next()) {
        next.catch(() => {});
        await tellOutcome(dir, report);
        await next;
      }
    } catch (error) {
      if (!signal.aborted) log.error(`what comes of programs can't be told: ${messageOf(error)}`);
    }
  }

  /** The order for a program that the hub has for this node now; `undefined` when it has none. */
  take(order: UpdateOrder | undefined): void {
    if (order?.id === this.#id) return;
    this.#withdraw.abort();
    this.#withdraw = new AbortController();
    this.#id = order?.id;
    if (!order) return;
    const signal = AbortSignal.any([this.#options.signal, this.#withdraw.signal]);
    this.#work = this.#work.then(() => this.#do(order, signal));
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async #do(order: UpdateOrder, signal: AbortSignal): Promise<void> {
    const { log, retryMs = 30_000 } = this.#options;
    while (!signal.aborted) {
      try {
        return await this.#try(order, signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn(`the update to program ${order.bundle.version} waits: ${messageOf(error)}`, {
          id: order.id,
        });
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #try(order: UpdateOrder, signal: AbortSignal): Promise<void> {
    const { dir, running, fetch, install, report } = this.#options;
    const { id, bundle } = order;
    const step = { id, from: running, to: bundle.version };
    const end = async (phase: "good" | "refused" | "failed", reason: string): Promise<void> => {
      await report({ ...step, phase, reason });
      if (dir) writeState(dir, { ...readState(dir).state, ended: id });
    };
    if (!dir) return end("refused", "this node takes no programs alone: it was not started by its service");
    const { trial, outcome, ended } = readState(dir).state;
    if ([trial?.id, outcome?.id, ended].includes(id)) return;
    if (bundle.version === running) return end("good", "it ran already");
    await report({ ...step, phase: "fetching" });
    try {
      const path = await fetch(order, signal);
      signal.throwIfAborted();
      // Before: once it is installed the process is about to be replaced.
      await report({ ...step, phase: "installing" });
      await install(path, order);
      await rm(path, { force: true });
    } catch (error) {
      if (isUmecError(error, "UPDATE_REFUSED")) return end("refused", error.message);
      if (isUmecError(error, "UPDATE_FAILED")) return end("failed", error.message);
      throw error;
    }
  }
}
