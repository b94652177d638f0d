/**
 * The audit trail: who has asked this node for what, and what came of it.
 *
 * An entry is one SenML record of the plugin `audit` in the lane alarm, so it is on disk like a sample, signed like
 * one, and the last to go when the disk is full. Its name is the kind (`session`, `command`, `target`, `users`,
 * `reboot`, `enrol`, `update`), its value a JSON object with `person`, `level`, `what`, `result`, and where it is known `from`.
 *
 * `append` resolves when the entry is on disk. What changes something is entered before it is done (`asked`) and
 * after, before its answer: if it can't be entered it is not done.
 *
 * Bounds. `mostWaiting` entries wait for the disk, and a person has `burst` entries and `perS` more a second; the
 * node's own user is not counted. Beyond them `append` fails (`AUDIT_BUSY`), so nothing is changed unseen; `note`,
 * for refusals and for a session's end, only counts them, and the next entry says how many are `lost`.
 */
import type { Clock } from "../clock.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { NewRow } from "../outbox/types.ts";
import { encodeRecord } from "../senml/cbor.ts";
import { type Asker, auditPlugin } from "./types.ts";

export interface AuditOptions {
  outbox: { append(row: NewRow): Promise<unknown> };
  clock: Pick<Clock, "monotonicMs">;
  log: Log;
  /** @default 64 */
  mostWaiting?: number;
  /** @default 100 */
  burst?: number;
  /** @default 10 */
  perS?: number;
}

export type AuditKind = "session" | "command" | "target" | "users" | "reboot" | "enrol" | "update";

export interface AuditEntry {
  kind: AuditKind;
  asker: Asker;
  /** What was asked for, in words. Is cut after 200 characters. */
  what: string;
  /** `asked`, `done`, `begin`, `end`, `refused: …`, or the code of an error. */
  result: string;
  /** The address that a session came from. */
  from?: string;
}

const longestText = 200;

export class Audit {
  readonly #options: Required<AuditOptions>;
  readonly #budgets = new Map<string, { left: number; atMs: number }>();
  #waiting = 0;
  #lost = 0;

  constructor(options: AuditOptions) {
    this.#options = { mostWaiting: 64, burst: 100, perS: 10, ...options };
  }

  /** Resolves when it is on disk. @throws UmecError `AUDIT_BUSY`, `AUDIT_FAILED` */
  async append(entry: AuditEntry): Promise<void> {
    if (this.#waiting >= this.#options.mostWaiting || !this.#allow(entry.asker)) {
      throw new UmecError("AUDIT_BUSY", "the audit trail takes no more entries now, so nothing is done", {
        hint: "ask again in a few seconds, and less often",
      });
    }
    await this.#write(entry);
  }

  async #write(entry: AuditEntry): Promise<void> {
    const { outbox, log } = this.#options;
    const lost = this.#lost;
    this.#waiting += 1;
    try {
      await outbox.append(this.#row(entry, lost));
      this.#lost -= lost;
    } catch (cause) {
      log.error(`the audit trail can't be written: ${messageOf(cause)}`);
      throw new UmecError("AUDIT_FAILED", `the audit trail can't be written: ${messageOf(cause)}`, { cause });
    } finally {
      this.#waiting -= 1;
    }
  }

  /** As `append`, but counts what can't be entered. Never rejects. */
  note(entry: AuditEntry): Promise<void> {
    return this.#tell(entry, this.append(entry));
  }

  /** What came of something whose beginning was entered: beside the bounds, which held for that. Never rejects. */
  conclude(entry: AuditEntry): Promise<void> {
    return this.#tell(entry, this.#write(entry));
  }

  async #tell(entry: AuditEntry, writing: Promise<void>): Promise<void> {
    try {
      await writing;
    } catch {
      this.#lost += 1;
      const { kind, asker, what, result } = entry;
      this.#options.log.warn(`not in the audit trail: ${kind} ${what}: ${result}`, { ...asker });
    }
  }

  #allow({ level, person }: Asker): boolean {
    if (level === "node") return true;
    const { clock, burst, perS } = this.#options;
    const nowMs = clock.monotonicMs();
    const key = `${level} ${person}`;
    const { left, atMs } = this.#budgets.get(key) ?? { left: burst, atMs: nowMs };
    const budget = Math.min(burst, left + ((nowMs - atMs) / 1000) * perS);
    if (budget < 1) return false;
    // Names that nobody has would fill it: who has not been heard for long has the whole burst anyway.
    if (this.#budgets.size >= 1000) this.#budgets.clear();
    this.#budgets.set(key, { left: budget - 1, atMs: nowMs });
    return true;
  }

  #row({ kind, asker, what, result, from }: AuditEntry, lost: number): NewRow {
    const said = {
      person: short(asker.person),
      level: asker.level,
      what: short(what),
      result: short(result),
      ...(from !== undefined && { from: short(from) }),
      ...(lost > 0 && { lost }),
    };
    return {
      plugin: auditPlugin,
      lane: "alarm",
      time: { monotonicMs: this.#options.clock.monotonicMs() },
      samples: 1,
      records: encodeRecord({ n: kind, vs: JSON.stringify(said) }),
    };
  }
}

function short(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}
