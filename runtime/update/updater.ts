/**
 * The node's updater: from an order to a system that runs, or back, with a report of each step.
 *
 *     ordered → fetching → fetched → installing → installed → restarting ─(restart)→ trying → good
 *        └ refused    └ refused, failed     └ refused, failed                   └──────────→ fell-back
 *
 * What it promises:
 * 1. **It goes on where it was**, whatever died. `order.json` (order-file.ts) has the order and the step before the step
 *    is begun; `attempt.json` (attempt-file.ts) is on disk before the restart. An interrupted fetch goes on where it was
 *    (that is the fetcher's), an interrupted installation begins again, at most {@link mostInstalls} times.
 * 2. **Each order ends once**, as `good`, `refused`, `failed` or `fell-back`, and its end is in the outbox before it is
 *    forgotten. A crash between the two tells it twice; never not at all.
 * 3. **No loop**: an order's id that has ended is not done again.
 * 4. **What runs is what the boot says**: the slot that is booted, by the engine, and the boot's id. A new slot that was
 *    written and is not booted after a restart of the machine has fallen back.
 *
 * An order that is taken back, or replaced, before it is being installed is given up. Afterwards the new slot is the first
 * to boot anyway: then the node only does not restart for it by itself, and an order that replaces it waits for its end.
 *
 * It has no say in whether a new slot is good: the gate has, and what leads back from a slot that is not good is the boot
 * counter and the watchdog.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isUmecError, messageOf, UmecError } from "../errors.ts";
import { type Attempt, attemptName, readAttempt, removeAttempt, writeAttempt } from "./attempt-file.ts";
import { type CurrentOrder, orderName, type WantedUpdate } from "./order-file.ts";
import type { SlotState, UpdatePhase, UpdateReport } from "./types.ts";
import { judgeOrder } from "./updater-judge.ts";
import { isBound, Orders, Withdrawn } from "./updater-orders.ts";
import type { UpdaterOptions, UpdaterStatus } from "./updater-types.ts";
import { untilAborted, untilDone } from "./updater-wait.ts";
import { inWindow } from "./updater-window.ts";

/** An installation that was interrupted this often is not begun again: it may be what interrupts. */
const mostInstalls = 5;
/** The time of day is looked at this often. */
const lookMs = 20_000;
const unknownReason = "nobody knows why: the new slot left nothing behind";

type Step = { phase: UpdatePhase; reason?: string };

export class Updater {
  readonly #options: UpdaterOptions & { retryMs: number };
  readonly #attemptPath: string;
  readonly #signal: AbortSignal;
  readonly #orders: Orders;
  #go = false;
  #percent: number | undefined;
  #reason: string | undefined;
  /** Resolves when it has stopped, which it does by its signal alone. Never rejects. */
  readonly done: Promise<void>;

  /** Reads what it had to do; orders may be told from then on. */
  static async start(options: UpdaterOptions, signal: AbortSignal): Promise<Updater> {
    return new Updater(options, await Orders.open(join(options.dir, orderName), options.log), signal);
  }

  private constructor(options: UpdaterOptions, orders: Orders, signal: AbortSignal) {
    this.#options = { retryMs: 5_000, ...options };
    this.#attemptPath = join(options.dir, attemptName);
    this.#orders = orders;
    this.#signal = signal;
    this.done = this.#run().catch(() => undefined);
  }

  /** The order that the hub has for this node now; `undefined` when it has none. */
  take(wanted: WantedUpdate | undefined): Promise<void> {
    return this.#orders.take(wanted);
  }

  /** An order of a person at the node. On disk when it resolves. @throws UmecError `UPDATE_BUSY` */
  order(wanted: WantedUpdate): Promise<void> {
    return this.#orders.add(wanted);
  }

  /** A person says that the node may restart now for what is installed. @throws UmecError `UPDATE_NOTHING` */
  proceed(): void {
    if (this.#orders.current?.phase !== "installed")
      throw new UmecError("UPDATE_NOTHING", "no update is installed that waits for a restart");
    this.#go = true;
    this.#orders.notify();
  }

  /** The settings may have changed. */
  wake(): void {
    this.#orders.notify();
  }

  status(): UpdaterStatus | undefined {
    const { current } = this.#orders;
    if (!current) return undefined;
    const to = current.to ?? current.wanted.bundle?.version;
    return {
      id: current.wanted.id,
      phase: current.phase,
      ...(to !== undefined && { to }),
      ...(this.#percent !== undefined && { percent: this.#percent }),
      ...(this.#reason !== undefined && { reason: this.#reason }),
    };
  }

  async #run(): Promise<void> {
    const work = async (): Promise<never> => {
      await this.#resume();
      for (;;) await this.#follow();
    };
    // A full disk, say: what could not be written is tried again.
    const onFault = (error: unknown): void =>
      this.#options.log.error(`the updater is held up: ${messageOf(error)}`, { error });
    await untilDone(work, onFault, this.#patience);
  }

  async #follow(): Promise<void> {
    this.#signal.throwIfAborted();
    const { changed, current } = this.#orders;
    if (current) return this.#advance(current);
    const next = this.#orders.next();
    if (next) await this.#enter({ wanted: next, phase: "ordered", installs: 0 }, "ordered");
    else await Promise.race([changed, untilAborted(this.#signal)]);
  }

  /** After a start: what became of what was under way. */
  async #resume(): Promise<void> {
    const { current } = this.#orders;
    const attempt = await readAttempt(this.#attemptPath);
    if (attempt?.id !== undefined && this.#orders.hasEnded(attempt.id)) {
      await removeAttempt(this.#attemptPath);
      return this.#resume();
    }
    if (attempt) return this.#resumeAttempt(attempt, current);
    if (!current) return;
    if (isBound(current)) {
      const booted = await this.#slot(({ booted }) => booted);
      if (booted && current.fromSlot !== undefined && booted.name !== current.fromSlot) {
        // The machine went down between the end of the installation and the note of it.
        const to = booted.version ?? current.to ?? current.wanted.bundle?.version ?? this.#options.version;
        this.#options.log.warn("the new system was started before the node asked for it", { to });
        await this.#note({ ...current, to }, booted);
        return this.#enter({ ...current, to }, "trying");
      }
    }
    // Fetching finds what is there already, and an installation that was cut off left its slot half written.
    await this.#orders.save({ ...current, phase: current.phase === "ordered" ? "ordered" : "fetching" });
  }

  async #resumeAttempt(attempt: Attempt, current: CurrentOrder | undefined): Promise<void> {
    const order = current && current.wanted.id === attempt.id ? current : orderOf(attempt);
    const booted = await this.#slot(({ booted }) => booted);
    if (booted?.name === attempt.slot) {
      if (order.phase !== "trying") await this.#enter({ ...order, to: attempt.to }, "trying");
    } else if (attempt.bootId === this.#options.bootId) {
      await this.#orders.save({ ...order, phase: "installed", to: attempt.to });
    } else {
      const { from, to } = attempt;
      const reason = await this.#whyBack(attempt);
      await this.#end({ ...order, to, ...(from !== undefined && { from }) }, { phase: "fell-back", reason });
    }
  }

  /** One step. */
  async #advance(current: CurrentOrder): Promise<void> {
    const withdrawn = this.#orders.beginStep();
    const signal = AbortSignal.any([this.#signal, withdrawn]);
    try {
      signal.throwIfAborted();
      switch (current.phase) {
        case "ordered":
          return await this.#judge(current);
        case "fetching":
        case "fetched":
        case "installing":
          return await this.#install(current, signal);
        case "installed":
          return await this.#leave(signal);
        case "restarting":
          return await this.#restart(current);
        case "trying":
          return await this.#try(current);
      }
    } catch (error) {
      if (this.#signal.aborted || !withdrawn.aborted) throw error;
      this.#options.log.info("the order of an update was taken back", { id: current.wanted.id });
      await this.#orders.drop();
    } finally {
      this.#percent = undefined;
      this.#reason = undefined;
    }
  }

  async #judge(current: CurrentOrder): Promise<void> {
    const { compatible, version } = this.#options;
    const booted = await this.#slot(({ booted }) => booted);
    if (!booted) {
      const reason = "this system has no slots: it is updated by means of its own";
      return this.#end(current, { phase: "refused", reason });
    }
    const judged = judgeOrder(current.wanted, { compatible, version: booted.version ?? version });
    switch (judged.kind) {
      case "runs-already":
        return this.#end(current, { phase: "good", reason: "it ran already" });
      case "refuse":
        return this.#end(current, { phase: "refused", reason: judged.reason });
      case "go":
        return this.#enter(current, "fetching");
    }
  }

  async #install(current: CurrentOrder, signal: AbortSignal): Promise<void> {
    const { engine, version } = this.#options;
    const { wanted } = current;
    if (current.installs >= mostInstalls) {
      const reason = `the installation was interrupted ${mostInstalls} times`;
      return this.#end(current, { phase: "failed", reason });
    }
    const onProgress = (percent: number): void => {
      this.#percent = percent;
    };
    try {
      const path = await this.#fetch(wanted, signal, onProgress);
      await this.#enter(current, "fetched");
      const [booted, other] = [
        await this.#slot((slot) => slot.booted),
        await this.#slot((slot) => !slot.booted),
      ];
      signal.throwIfAborted();
      if (!booted || !other) throw new UmecError("UPDATE_FAILED", "this system has no second slot");
      const begun = {
        ...{ ...current, installs: current.installs + 1 },
        ...{ from: booted.version ?? version, fromSlot: booted.name },
      };
      await this.#enter(begun, "installing");
      // Not by the order's own signal: what is half written is worth nothing.
      const more = wanted.permit === undefined ? {} : { permit: wanted.permit };
      const { version: to } = await engine.install(path, { signal: this.#signal, onProgress, ...more });
      await this.#note({ ...begun, to }, other);
      await this.#enter({ ...begun, to }, "installed");
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof Withdrawn || !isUmecError(error)) throw error;
      const phase = error.code === "UPDATE_REFUSED" ? "refused" : "failed";
      await this.#end(this.#orders.current ?? current, { phase, reason: error.message });
    }
  }

  /** Tries until the bundle is there, or can never be. */
  #fetch(wanted: WantedUpdate, signal: AbortSignal, onProgress: (percent: number) => void): Promise<string> {
    let told: string | undefined;
    const onFault = async (error: unknown): Promise<void> => {
      if (isUmecError(error, "UPDATE_REFUSED") || isUmecError(error, "UPDATE_FAILED")) throw error;
      const reason = messageOf(error);
      this.#reason = reason;
      if (reason !== told) await this.#tell({ wanted }, { phase: "fetching", reason });
      told = reason;
    };
    const work = () => this.#options.fetch(wanted, { signal, onProgress });
    return untilDone(work, onFault, { ...this.#patience, signal });
  }

  /** Waits for the moment at which the node may go down. */
  async #leave(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { changed, current } = this.#orders;
      const waitsFor = this.#waitsFor(current);
      if (current && waitsFor === undefined) {
        this.#go = false;
        return this.#enter(current, "restarting");
      }
      this.#reason = waitsFor;
      const ended = new AbortController();
      const timer = sleep(lookMs, undefined, { signal: AbortSignal.any([signal, ended.signal]) });
      await Promise.race([changed, timer]).finally(() => ended.abort());
      signal.throwIfAborted();
    }
  }

  #waitsFor(current: CurrentOrder | undefined): string | undefined {
    const { settings, now } = this.#options;
    const { window, automatic } = settings();
    // Who asked for it at the node wants it now.
    if (this.#go || current?.wanted.by !== undefined) return undefined;
    if (current?.withdrawn) return "the order was taken back, and only a person restarts the node for it";
    if (!automatic) return "a person is to restart the node for it";
    if (window === undefined) return undefined;
    const nowMs = now();
    if (nowMs === undefined) return `the time is not known, and the node restarts at ${window}`;
    return inWindow(window, nowMs) ? undefined : `the node restarts at ${window}`;
  }

  async #restart({ to }: CurrentOrder): Promise<never> {
    const work = async (): Promise<never> => {
      await Promise.race([this.#options.restart(this.#signal), untilAborted(this.#signal)]);
      throw new UmecError("UPDATE_RESTART", "the machine was to restart, and did not");
    };
    const onFault = (error: unknown): void => {
      this.#reason = messageOf(error);
      this.#options.log.error(messageOf(error), { to });
    };
    return untilDone(work, onFault, this.#patience);
  }

  async #try(current: CurrentOrder): Promise<void> {
    const attempt = await readAttempt(this.#attemptPath);
    if (!attempt) return this.#end(current, { phase: "failed", reason: `${attemptName} was removed` });
    const gate = this.#options.gate(attempt, this.#signal);
    const result = await Promise.race([gate, untilAborted(this.#signal)]);
    if (result.good) return this.#end(current, { phase: "good" });
    // The machine is led back to the old slot, and that one tells: it has the evidence.
    this.#options.log.error(`the new system is not good: ${result.reason}`, { to: attempt.to });
    this.#reason = result.reason;
    await untilAborted(this.#signal);
  }

  async #whyBack(attempt: Attempt): Promise<string> {
    try {
      return (await this.#options.fallBackReason(attempt, this.#signal)) ?? unknownReason;
    } catch (error) {
      this.#signal.throwIfAborted();
      return `${unknownReason}: ${messageOf(error)}`;
    }
  }

  /** On disk before it is told. */
  async #enter(current: CurrentOrder, phase: CurrentOrder["phase"]): Promise<void> {
    // It may have been taken back meanwhile, or told again.
    const { withdrawn: _, ...entered } = { ...current, phase };
    const { withdrawn } = this.#orders.current ?? {};
    await this.#orders.save({ ...entered, ...(withdrawn && { withdrawn }) });
    await this.#tell(entered, { phase });
  }

  /** Told before it is on disk: an end must not be lost. */
  async #end(current: CurrentOrder, end: Step): Promise<void> {
    const work = () => this.#options.journal.report(reportOf(current, end), this.#signal);
    await untilDone(work, (error) => this.#options.log.error(messageOf(error)), this.#patience);
    await this.#orders.end(current.wanted.id, end.phase);
    await removeAttempt(this.#attemptPath);
    await this.#options.discard?.(current.wanted).catch((error: unknown) => {
      this.#options.log.warn(`a bundle that is of no use any more stays: ${messageOf(error)}`);
    });
  }

  /** A step that can't be told is no reason not to take it. */
  async #tell(current: Reported, step: Step): Promise<void> {
    try {
      await this.#options.journal.report(reportOf(current, step), this.#signal);
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#options.log.warn(messageOf(error));
    }
  }

  /** Writes the attempt down: from here on the machine may restart. */
  async #note({ from, to = "", wanted }: CurrentOrder, slot: SlotState): Promise<void> {
    const { now, bootId } = this.#options;
    await writeAttempt(this.#attemptPath, {
      version: 1,
      id: wanted.id,
      ...(from !== undefined && { from }),
      to,
      slot: slot.name,
      atMs: now() ?? Date.now(),
      bootId,
    });
  }

  /** A slot; `undefined` when this system has none such. Tries until they can be read. */
  #slot(fits: (slot: SlotState) => boolean): Promise<SlotState | undefined> {
    const work = async () => (await this.#options.engine.slots(this.#signal)).find(fits);
    const onFault = (error: unknown): void => {
      this.#reason = messageOf(error);
      this.#options.log.warn(`the slots can't be read: ${messageOf(error)}`);
    };
    return untilDone(work, onFault, this.#patience);
  }

  get #patience(): { retryMs: number; signal: AbortSignal } {
    return { retryMs: this.#options.retryMs, signal: this.#signal };
  }
}

type Reported = Pick<CurrentOrder, "wanted" | "from" | "to">;

function reportOf(
  { wanted, from, to = wanted.bundle?.version }: Reported,
  { phase, reason }: Step,
): UpdateReport {
  return {
    id: wanted.id,
    phase,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(reason !== undefined && { reason }),
  };
}

function orderOf({ id = "unknown", from, to }: Attempt): CurrentOrder {
  return { wanted: { id }, phase: "installed", to, installs: 1, ...(from !== undefined && { from }) };
}
