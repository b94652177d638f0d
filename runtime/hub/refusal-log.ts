import type { Log } from "../log.ts";

/** A name and a reason are told again after this long, with how often they came meanwhile. */
const quietMs = 60_000;
/** Names that are remembered at once. */
const mostNames = 1000;

/** Counts what was refused, and logs it by name and reason, however often it comes. */
export class RefusalLog {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #told = new Map<string, { atMs: number; more: number }>();
  readonly #counts = new Map<string, number>();

  /** `now` is any clock that does not go back. */
  constructor(log: Log, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /** How often each reason came, since the start. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  add(code: string, fields: { node?: string; token?: string }, reason: string): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    const key = `${code} ${fields.node} ${fields.token}`;
    const told = this.#told.get(key);
    const atMs = this.#now();
    if (told && atMs - told.atMs < quietMs) {
      told.more++;
      return;
    }
    this.#told.delete(key);
    this.#told.set(key, { atMs, more: 0 });
    if (this.#told.size > mostNames) this.#told.delete(this.#told.keys().next().value!);
    const repeated = told?.more ? { repeated: told.more } : {};
    this.#log.warn("enrolment refused", { ...fields, code, reason, ...repeated });
  }
}
