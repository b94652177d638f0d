/**
 * Takes over the target state that the hub keeps for this node (../document-wire.ts), while the node runs.
 *
 * What it promises:
 * 1. **Each one is taken over once**, in node.yaml, from where the node follows it as it follows any change of that file. So
 *    what somebody changes there afterwards stays, until the hub says something new; and a hub whose document is gone
 *    changes nothing.
 * 2. **Only what the hub's own key has signed, for this node, and later than what was taken before.** Whoever may write in
 *    the fleet's account has not that key.
 * 3. **What can't be taken changes nothing and is told**: to the hub, in the audit trail and in the log. A document with
 *    errors is tried again at the node's next start; a disk that was full, or a node.yaml that could not be read, after a
 *    minute.
 * 4. **A power cut at any moment** leaves the old file or the new one. What was taken is noted in `<data>/target.json`,
 *    `{ "version": 1, "signer", "issuedAtMs", "revision" }`, after the file: before it is noted it is taken again, to the
 *    same effect.
 */
import { isDeepStrictEqual } from "node:util";
import { openDocument, type TargetReport } from "../document-wire.ts";
import { isUmecError, messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import { version } from "../version.ts";
import type { WatchedDocuments } from "./hub-documents.ts";
import { documentRefused, isNew, noteTaken, type ProofOptions } from "./proof.ts";
import type { NodeDocument } from "./types.ts";

export interface TakeTargetOptions extends ProofOptions {
  documents: WatchedDocuments;
  /**
   * Makes the keys in `text` those of node.yaml, on disk. What is wrong with them it rejects with as `TARGET_INVALID`.
   *
   * @param what in words, for the audit trail
   * @returns whether node.yaml is another now
   */
  replace(text: string, what: string): Promise<boolean>;
  /** Enters into the audit trail what was refused before `replace` could judge it. */
  noteRefused(what: string, reason: string): Promise<void>;
  log: Log;
  signal: AbortSignal;
  /** Unix time in milliseconds. @default Date.now */
  now?(): number;
  /** Wait after what may not be so the next time, in milliseconds. @default 60_000 */
  retryMs?: number;
}

type Told = Pick<TargetReport, "revision" | "issuedAtMs" | "state" | "reason">;

export interface TargetTaking {
  /** The node is what node.yaml says, or these failures keep it from that. */
  concluded(failures: readonly string[]): void;
}

export function takeTargets(options: TakeTargetOptions): TargetTaking {
  const taker = new Taker(options);
  options.documents.watch("target", (document) => document && taker.take(document), options.signal);
  return taker;
}

class Taker implements TargetTaking {
  readonly #options: TakeTargetOptions;
  #next: NodeDocument | undefined;
  #busy = false;
  #retry: NodeJS.Timeout | undefined;
  /** The last one, if it was taken, as it was reported. */
  #taken: Told | undefined;
  /** What keeps the node from what its file says; `undefined`: it is on its way there. */
  #failures: readonly string[] | undefined;

  constructor(options: TakeTargetOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", () => clearTimeout(this.#retry), { once: true });
  }

  take(document: NodeDocument): void {
    clearTimeout(this.#retry);
    this.#next = document;
    if (!this.#busy) void this.#run();
  }

  concluded(failures: readonly string[]): void {
    if (isDeepStrictEqual(failures, this.#failures)) return;
    this.#failures = failures;
    if (this.#taken) this.#report(this.#taken);
  }

  /** One after another; what was overtaken is passed over. */
  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#next && !this.#options.signal.aborted) {
      const document = this.#next;
      this.#next = undefined;
      await this.#takeOne(document);
    }
    this.#busy = false;
  }

  async #takeOne(document: NodeDocument): Promise<void> {
    const { log, signal, retryMs = 60_000 } = this.#options;
    const { revision } = document;
    const what = `set, revision ${revision}`;
    this.#taken = undefined;
    const parsed = openDocument("target", document.body);
    const issuedAtMs = typeof parsed === "string" ? 0 : parsed.issuedAtMs;
    try {
      if (typeof parsed === "string") throw documentRefused(parsed);
      if (await isNew(parsed, this.#options)) {
        const changed = await this.#options.replace(parsed.text, what);
        if (changed) this.#failures = undefined;
        await noteTaken(parsed, revision, this.#options);
        log.info("the hub's target state is taken over", { revision });
      }
      this.#taken = { revision, issuedAtMs, state: "taken" };
      this.#report(this.#taken);
    } catch (error) {
      const refused =
        isUmecError(error) && (error.code === "DOCUMENT_REFUSED" || error.code === "TARGET_INVALID");
      const reason = messageOf(error);
      log.error(`the hub's target state is not taken over: ${reason}`, { revision, error });
      if (isUmecError(error, "DOCUMENT_REFUSED")) await this.#options.noteRefused(what, reason);
      this.#report({ revision, issuedAtMs, state: refused ? "refused" : "failed", reason });
      if (refused || signal.aborted || this.#next) return;
      this.#retry = setTimeout(() => this.take(document), retryMs);
    }
  }

  #report(told: Told): void {
    const { documents, now = Date.now } = this.#options;
    const { reason, ...rest } = told;
    const failures = told === this.#taken ? this.#failures : undefined;
    const report: TargetReport = {
      version: 1,
      ...rest,
      ...(reason !== undefined && { reason: reason.slice(0, longestReason) }),
      ...(failures && { reached: failures.length === 0 }),
      ...(failures?.length && { failures: failures.slice(0, 8).map((one) => one.slice(0, 500)) }),
      atMs: now(),
      umec: version,
    };
    documents.report("target", JSON.stringify(report));
  }
}

/** The stream of reports takes 16 KiB of JSON. */
const longestReason = 4_000;
