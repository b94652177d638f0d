/**
 * The reconciler: leads a node to a target, step by step, one step at a time.
 *
 * - It remembers what was really reached ({@link Reached}), not what was wanted. A step that fails is logged,
 *   its pieces are unsure from then on, the steps that need them are left out, and the others still run: one
 *   plugin's fault is not its neighbour's. The next `reconcile` tries again what is missing; when that is, is
 *   the caller's business.
 * - A newer target supersedes an older one after the running step; the newer plan starts from what was reached.
 *   So one target waits at most, and it is the newest.
 * - Nothing of this is stored: after a crash the process starts from nothing, and the same steps lead to the
 *   same end.
 */
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import { plan } from "./plan.ts";
import { advance, type Reached, unsureAfter } from "./reached.ts";
import { describeStep, needsOf, piecesOf, type Step } from "./step.ts";
import type { Target } from "./types.ts";

export interface ReconcilerOptions {
  /** Does a step, or throws. The signal is the one given to `reconcile`. */
  apply(step: Step, signal: AbortSignal): Promise<void>;
  log: Log;
}

export interface StepFailure {
  step: Step;
  error: unknown;
}

export type Outcome =
  /** The node is what the target says. */
  | { kind: "reached" }
  /** `failures` are the steps that threw; what depends on them was not tried. */
  | { kind: "failed"; failures: readonly StepFailure[] }
  /** The target needs a new process; nothing was changed. */
  | { kind: "needs-restart"; reason: string }
  /** A newer target came; `failures` as above. */
  | { kind: "superseded"; failures: readonly StepFailure[] };

export interface Reconciler {
  /**
   * Leads the node to `target`. Failing steps are in the outcome, not thrown. Rejects only with the signal's
   * reason: at once while it waits, else when the running step has ended.
   */
  reconcile(target: Target, signal: AbortSignal): Promise<Outcome>;
  /** What was really reached so far. */
  readonly reached: Reached;
}

interface Job {
  target: Target;
  signal: AbortSignal;
  settled: PromiseWithResolvers<Outcome>;
}

export function createReconciler({ apply, log }: ReconcilerOptions): Reconciler {
  let reached: Reached = {};
  let waiting: Job | undefined;
  let busy = false;

  async function work(): Promise<void> {
    busy = true;
    for (let job = waiting; job; job = waiting) {
      waiting = undefined;
      try {
        job.settled.resolve(await run(job));
      } catch (error) {
        job.settled.reject(error);
      }
    }
    busy = false;
  }

  async function run({ target, signal }: Job): Promise<Outcome> {
    const failures: StepFailure[] = [];
    const failed = new Set<string>();
    const steps = plan(reached, target);
    for (const step of steps) {
      signal.throwIfAborted();
      if (waiting) return { kind: "superseded", failures };
      const blocker = needsOf(step).find((piece) => failed.has(piece));
      if (blocker !== undefined) {
        log.debug(`left out: ${describeStep(step)}`, { failed: blocker });
        for (const piece of piecesOf(step)) failed.add(piece);
        continue;
      }
      log.info(describeStep(step), { step: step.kind });
      try {
        await apply(step, signal);
      } catch (error) {
        reached = unsureAfter(reached, step);
        signal.throwIfAborted();
        for (const piece of piecesOf(step)) failed.add(piece);
        failures.push({ step, error });
        log.error(`failed: ${describeStep(step)}: ${messageOf(error)}`, { step: step.kind });
        continue;
      }
      if (step.kind === "needs-restart") return { kind: "needs-restart", reason: step.reason };
      reached = advance(reached, step);
    }
    return failures.length === 0 ? { kind: "reached" } : { kind: "failed", failures };
  }

  return {
    get reached() {
      return reached;
    },
    reconcile(target, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      waiting?.settled.resolve({ kind: "superseded", failures: [] });
      const job: Job = { target, signal, settled: Promise.withResolvers<Outcome>() };
      waiting = job;
      const onAbort = () => {
        if (waiting !== job) return;
        waiting = undefined;
        job.settled.reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      if (!busy) void work();
      return job.settled.promise.finally(() => signal.removeEventListener("abort", onAbort));
    },
  };
}
