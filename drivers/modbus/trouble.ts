/**
 * The registers of a unit that have no value now, and why.
 *
 * A register that fails while its unit answers gives one sample without a value, quality `bad`, with the reason; then
 * none until it has a value again or another reason. So a reader of the series sees where it ends, and the outbox does
 * not fill with the same news. It counts as told once it is stored.
 *
 * A unit that does not answer at all is told as `<device>/online` alone. So a register to which nobody answered, or only
 * noise, is bad when the unit has answered others meanwhile: in the same poll, or since the register's last silence.
 */
import type { Register } from "./config.ts";

/** As a sample's reason may be. */
const longest = 200;

export interface BadReading {
  register: Register;
  reason: string;
}

export class Troubles {
  readonly #now = new Map<Register, string>();
  readonly #told = new Map<Register, string>();
  /** How often the unit had answered when the register last was silent. */
  readonly #silent = new Map<Register, number>();

  /** It has a value. */
  passed(register: Register): void {
    this.#now.delete(register);
    this.#told.delete(register);
    this.#silent.delete(register);
  }

  /** Nobody answered for it. `answers` of the unit to others: before the poll, and now. */
  silent(register: Register, reason: string, { before, now }: { before: number; now: number }): void {
    if (now > (this.#silent.get(register) ?? before)) this.failed(register, reason);
    this.#silent.set(register, now);
  }

  /** It has none. */
  failed(register: Register, reason: string): void {
    this.#now.set(register, reason.slice(0, longest));
  }

  /** What is to be told. */
  untold(): BadReading[] {
    return [...this.#now]
      .filter(([register, reason]) => this.#told.get(register) !== reason)
      .map(([register, reason]) => ({ register, reason }));
  }

  told(readings: readonly BadReading[]): void {
    for (const { register, reason } of readings)
      if (this.#now.has(register)) this.#told.set(register, reason);
  }
}
