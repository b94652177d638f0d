/**
 * The hub's documents for this node, as the node reads them over its link.
 *
 * What it promises:
 * 1. **A change is known within a second while the link is up.** The hub's stream sends a notice of each change; the node then
 *    reads the document. What changed while it was away it reads when the link comes up.
 * 2. **No notice has to arrive.** Another look follows 5 s after the link came up, when the word of what this node wants to
 *    hear has spread through a cluster, and then one every hour.
 * 3. **It is not led back by a replica that lags.** In a cluster any server may answer, also one that has not got the newest
 *    message yet: what is older than the notice said is asked for again. What is older than what was told already counts only
 *    if it is still so 5 s later: then the hub has begun its bucket anew.
 * 4. **A hub that does not answer is no hub without documents**: then nothing is told.
 *
 * It only reads. What the documents say is judged by who watches them; what came of it goes back by `report`, the last word
 * of each kind, until the hub has acknowledged it.
 */
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { documentNoticeSubject, documentReportSubject, nodeDocumentRoot } from "../subjects.ts";
import type { DocumentKind, NodeDocument, NodeDocuments } from "./types.ts";
import { type Leaf, WhileLinked } from "./while-linked.ts";

export interface HubDocumentsOptions {
  node: string;
  /** In the account that may ask for the documents. Stays the caller's. */
  connection: NatsConnection;
  leaf: Leaf;
  log: Log;
  /** Longest wait for an answer, in milliseconds. @default 5_000 */
  answerMs?: number;
  /** See promise 2, in milliseconds. @default [5_000, 3_600_000] */
  lookAgainMs?: readonly [soon: number, later: number];
}

export interface WatchedDocuments extends NodeDocuments {
  /** Tells the hub what came of the document of this kind; takes the place of what was to be told before. */
  report(kind: DocumentKind, body: string): void;
  /** Ends all that goes on. */
  stop(): Promise<void>;
}

/** A reading: revision 0 stands for a document that never was. */
interface Reading {
  revision: number;
  /** When the hub stored it: a bucket that was made anew numbers from 1 again. */
  stamp: string;
  document: NodeDocument | undefined;
}

/** Between two readings while a replica lags. */
const lagMs = 100;
const mostLags = 50;
const firstAnswerMs = 1_000;

export function createHubDocuments(options: HubDocumentsOptions): WatchedDocuments {
  const { node, connection, leaf, log, answerMs = 5_000 } = options;
  const ended = new AbortController();
  const loops = new Set<WhileLinked>();
  const reports = new Map<DocumentKind, { body: string; loop: WhileLinked; sent: boolean }>();
  const start = (signal: AbortSignal, work: (turn: number) => Promise<number>): WhileLinked => {
    const loop = new WhileLinked({ leaf, work, log, signal });
    loops.add(loop);
    void loop.done.then(() => loops.delete(loop));
    return loop;
  };
  return {
    watch(kind, onDocument, signal) {
      const both = AbortSignal.any([signal, ended.signal]);
      const follower = new Follower(options, kind, (document) => {
        if (!both.aborted) onDocument(document);
      });
      const loop = start(both, (turn) => follower.look(turn));
      const notices = connection.subscribe(documentNoticeSubject(node, kind), {
        callback: (error, message) => {
          if (error) return;
          follower.hear(message);
          loop.wake();
        },
      });
      void loop.done.then(() => notices.unsubscribe());
    },
    report(kind, body) {
      const before = reports.get(kind);
      if (before) {
        Object.assign(before, { body, sent: false });
        before.loop.wake();
        return;
      }
      const report = { body, sent: false };
      const loop = start(ended.signal, async () => {
        const text = report.body;
        if (!report.sent) {
          requireAck(
            await connection.request(documentReportSubject(node, kind), text, { timeout: answerMs }),
          );
          report.sent = report.body === text;
        }
        return report.sent ? 2 ** 31 - 1 : 0;
      });
      reports.set(kind, Object.assign(report, { loop }));
    },
    async stop() {
      ended.abort();
      await Promise.all([...loops].map(({ done }) => done));
    },
  };
}

class Follower {
  readonly #options: HubDocumentsOptions;
  readonly #kind: DocumentKind;
  readonly #tell: (document: NodeDocument | undefined) => void;
  #told: Reading | undefined;
  /** The newest revision that a notice named, and how often something older was read since. */
  #noticed = 0;
  #lags = 0;
  /** A revision lower than what was told, and when it was seen first, by the monotonic clock. */
  #lower: { revision: number; atMs: number } | undefined;

  constructor(
    options: HubDocumentsOptions,
    kind: DocumentKind,
    tell: (document: NodeDocument | undefined) => void,
  ) {
    this.#options = options;
    this.#kind = kind;
    this.#tell = tell;
  }

  hear(notice: Msg): void {
    const revision = Number(notice.headers?.get("Nats-Sequence"));
    // It only says when to look; what is there is asked for.
    if (!Number.isSafeInteger(revision)) return;
    this.#noticed = revision;
    this.#lags = 0;
  }

  /** Reads the document, and tells what is new; gives when to look again. */
  async look(turn: number): Promise<number> {
    const [soonMs, laterMs] = this.#options.lookAgainMs ?? [5_000, 3_600_000];
    const found = await this.#read(turn);
    if (found.revision < this.#noticed && this.#lags++ < mostLags) return lagMs;
    this.#noticed = 0;
    if (this.#told !== undefined && found.revision < this.#told.revision) {
      const nowMs = performance.now();
      if (this.#lower?.revision !== found.revision) this.#lower = { revision: found.revision, atMs: nowMs };
      const leftMs = this.#lower.atMs + soonMs - nowMs;
      if (leftMs > 0) return leftMs;
    }
    this.#lower = undefined;
    const { revision, stamp, document } = found;
    if (revision !== this.#told?.revision || stamp !== this.#told.stamp) {
      this.#told = { revision, stamp, document: undefined };
      this.#tell(document);
    }
    return turn === 0 ? soonMs : laterMs * (0.9 + Math.random() / 10);
  }

  async #read(turn: number): Promise<Reading> {
    const { node, connection, answerMs = 5_000 } = this.#options;
    const subject = `${nodeDocumentRoot(node)}.${this.#kind}`;
    // The first question of a link may be lost, as the hub has not said yet what may pass.
    const timeout = turn === 0 ? Math.min(answerMs, firstAnswerMs) : answerMs;
    const message = await connection.request(subject, "", { timeout });
    const { headers } = message;
    if (headers?.code === 404) return { revision: 0, stamp: "", document: undefined };
    const revision = Number(headers?.get("Nats-Sequence"));
    if (!Number.isSafeInteger(revision) || revision < 1) {
      throw new UmecError(
        "DOCUMENT_NO_ANSWER",
        `the hub's answer on ${subject} can't be read: ${headers?.description ?? "it has no sequence"}`,
        { hint: "is the hub of a version that goes with this node's?" },
      );
    }
    const removed = headers?.has("KV-Operation") === true;
    const stamp = headers?.get("Nats-Time-Stamp") ?? "";
    return { revision, stamp, document: removed ? undefined : { revision, body: message.data } };
  }
}

function requireAck(message: Msg): void {
  const { seq, error } = message.json<{ seq?: number; error?: { description: string } }>();
  if (typeof seq === "number" && !error) return;
  throw new UmecError("DOCUMENT_NO_ANSWER", `the hub does not store the report: ${error?.description ?? ""}`);
}
