/** The end of a program's trial, from inside: the node is healthy in time, or it is not. */
import type { UpdateReport } from "../types.ts";
import { afterFailure, afterSuccess, type Place, readState, writeState } from "./state.ts";

/** How a node is, as its health gate says it. */
export interface TrialHealth {
  ok: boolean;
  /** For people, such as `plugin rs485 to sample`. */
  waitingFor: readonly string[];
  failed: readonly string[];
}

export interface JudgeOptions {
  dir: string;
  /** What runs in this process. */
  program: { place: Place; version: string };
  /** Calls `listener` with the health now and whenever it changes, until the signal aborts. */
  watch(listener: (health: TrialHealth) => void, signal: AbortSignal): void;
  /** Ends the judging without a judgement: the node stops. */
  signal: AbortSignal;
}

/**
 * Judges the program that runs here, if it is on trial; `undefined` where it is not, or was stopped. The judgement is on
 * disk when this resolves. After `fell-back` the process has to end: the next start runs what ran before.
 */
export async function judgeTrial({
  dir,
  program,
  watch,
  signal,
}: JudgeOptions): Promise<UpdateReport | undefined> {
  const { state } = readState(dir);
  if (!isOnTrial(state, program) || !state.trial) return undefined;
  const { deadlineMs } = state.trial;
  const judged = Promise.withResolvers<{ ok: boolean; reason: string } | undefined>();
  let last: TrialHealth = { ok: false, waitingFor: ["the node to start"], failed: [] };
  const ended = new AbortController();
  const stop = (): void => judged.resolve(undefined);
  const timer = setTimeout(() => judged.resolve({ ok: false, reason: whyNot(last, deadlineMs) }), deadlineMs);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  watch((health) => {
    last = health;
    if (health.ok) judged.resolve({ ok: true, reason: "" });
  }, ended.signal);
  const verdict = await judged.promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", stop);
  ended.abort();
  const now = readState(dir).state;
  if (!verdict || !isOnTrial(now, program)) return undefined;
  const next = verdict.ok ? afterSuccess(now) : afterFailure(now, verdict.reason);
  writeState(dir, next);
  return next.outcome;
}

/** Hands the outcome of the last trial to `report`, if it was not told yet; once `report` resolves it is forgotten. */
export async function tellOutcome(
  dir: string,
  report: (outcome: UpdateReport) => Promise<unknown>,
): Promise<void> {
  const { outcome } = readState(dir).state;
  if (!outcome) return;
  await report(outcome);
  const { state } = readState(dir);
  if (JSON.stringify(state.outcome) !== JSON.stringify(outcome)) return;
  const { outcome: _, ...rest } = state;
  writeState(dir, rest);
}

function isOnTrial(state: ReturnType<typeof readState>["state"], program: JudgeOptions["program"]): boolean {
  const { current, trial } = state;
  return trial !== undefined && current?.place === program.place && current.version === program.version;
}

function whyNot({ waitingFor, failed }: TrialHealth, deadlineMs: number): string {
  const reasons = [...failed, ...waitingFor.map((what) => `waiting for ${what}`)];
  return `not healthy after ${Math.round(deadlineMs / 1000)} s: ${reasons.join("; ") || "no reason given"}`;
}
