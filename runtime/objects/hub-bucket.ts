/**
 * The hub's bucket as the node sees it, in the format of NATS' object stores (ADR-20): an object is chunks, one
 * message each, on `C.<nuid>`, and then its description, JSON, on `M.<name in base64url>`. Any client of NATS reads it.
 *
 * What is ours and does not disturb others: each chunk says its number in `Umec-Chunk`, and is published with the
 * condition that the one before it is the last on its subject. So the hub refuses a repeat and a hole, and the last
 * chunk tells where an upload that was cut goes on. A description takes the place of an earlier one of the same name.
 *
 * Plain requests, so that the node needs no rights on JetStream's own subjects.
 */
import { headers, type Msg, type NatsConnection, RequestError, TimeoutError } from "@nats-io/nats-core";
import { UmecError } from "../errors.ts";
import { nodeObjectLastRoot, nodeObjectRoot, objectBucket } from "../subjects.ts";

export const chunkHeaderName = "Umec-Chunk";

/** The hub's answer to a chunk or a description. */
export type Answer =
  | { kind: "stored"; sequence: number }
  /** The subject's last message is another than was expected. */
  | { kind: "conflict" }
  /** Not stored now: full, not allowed, no leader. */
  | { kind: "refused"; reason: string };

export interface LastChunk {
  /** In the stream. */
  sequence: number;
  /** Its number in the object, from 1. */
  chunk: number;
  /** Unix time at which the hub stored it. */
  timeMs: number;
}

/** What a reader learns of an object before it reads it. */
export interface Description {
  name: string;
  nuid: string;
  size: number;
  chunks: number;
  chunkBytes: number;
  /** Hexadecimal. */
  sha256: string;
  contentType: string;
  timeMs: number;
  /** Whether `timeMs` is a guess. */
  timeEstimated: boolean;
}

/**
 * All reject with `OBJECT_NO_ANSWER` when nobody answered in time, or there is nobody, and with the signal's reason:
 * what became of the message is then not known.
 */
export class HubBucket {
  readonly #node: string;
  readonly #connection: NatsConnection;
  readonly #ackMs: number;

  constructor(node: string, connection: NatsConnection, ackMs: number) {
    this.#node = node;
    this.#connection = connection;
    this.#ackMs = ackMs;
  }

  /** @param expected the sequence of the chunk before; 0 for the first */
  async putChunk(
    nuid: string,
    chunk: number,
    bytes: Uint8Array,
    expected: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const hdrs = headers();
    hdrs.set(chunkHeaderName, String(chunk));
    hdrs.set("Nats-Expected-Last-Subject-Sequence", String(expected));
    return answerOf(await this.#request(`${this.#root}.C.${nuid}`, bytes, signal, hdrs));
  }

  async putDescription(description: Description, signal: AbortSignal): Promise<Answer> {
    const hdrs = headers();
    hdrs.set("Nats-Rollup", "sub");
    const body = Buffer.from(JSON.stringify(infoOf(description, objectBucket(this.#node))));
    return answerOf(await this.#request(this.#describes(description.name), body, signal, hdrs));
  }

  /** The last chunk that the hub has of an object, or `undefined` when it has none. */
  async lastChunk(nuid: string, signal: AbortSignal): Promise<LastChunk | undefined> {
    const message = await this.#last(`C.${nuid}`, signal);
    if (!message) return undefined;
    return {
      sequence: Number(message.headers?.get("Nats-Sequence")),
      chunk: Number(message.headers?.get(chunkHeaderName) || Number.NaN),
      timeMs: Date.parse(message.headers?.get("Nats-Time-Stamp") ?? ""),
    };
  }

  /** Whether the bucket describes this very object under its name. */
  async isDescribed(name: string, nuid: string, signal: AbortSignal): Promise<boolean> {
    const message = await this.#last(this.#describes(name).slice(this.#root.length + 1), signal);
    try {
      return message?.json<{ nuid?: string }>().nuid === nuid;
    } catch {
      return false;
    }
  }

  get #root(): string {
    return nodeObjectRoot(this.#node);
  }

  #describes(name: string): string {
    return `${this.#root}.M.${paddedBase64url(Buffer.from(name))}`;
  }

  async #last(subject: string, signal: AbortSignal): Promise<Msg | undefined> {
    const message = await this.#request(
      `${nodeObjectLastRoot(this.#node)}.${subject}`,
      new Uint8Array(0),
      signal,
    );
    if (message.headers?.code === 404) return undefined;
    const sequence = Number(message.headers?.get("Nats-Sequence"));
    if (Number.isSafeInteger(sequence) && sequence > 0) return message;
    throw new UmecError(
      "OBJECT_NO_ANSWER",
      `the hub's answer for ${subject} can't be read: ${message.headers?.description ?? ""}`,
    );
  }

  async #request(subject: string, payload: Uint8Array, signal: AbortSignal, hdrs = headers()): Promise<Msg> {
    const cut = Promise.withResolvers<never>();
    const abort = (): void => cut.reject(signal.reason);
    signal.addEventListener("abort", abort);
    try {
      signal.throwIfAborted();
      const reply = this.#connection.request(subject, payload, { timeout: this.#ackMs, headers: hdrs });
      // When the signal comes first, nobody waits for this one any more.
      reply.catch(() => {});
      return await Promise.race([reply, cut.promise]);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new UmecError("OBJECT_NO_ANSWER", reasonOf(error), { cause: error });
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}

function infoOf(description: Description, bucket: string): object {
  const { name, nuid, size, chunks, chunkBytes, sha256, contentType, timeMs, timeEstimated } = description;
  return {
    name,
    description: "",
    headers: { "Content-Type": [contentType] },
    ...(timeEstimated && { metadata: { "umec-clock": "estimated" } }),
    options: { max_chunk_size: chunkBytes },
    bucket,
    nuid,
    size,
    chunks,
    mtime: new Date(timeMs).toISOString(),
    digest: `SHA-256=${paddedBase64url(Buffer.from(sha256, "hex"))}`,
    deleted: false,
  };
}

/** RFC 4648 section 5, with padding, as the format wants it. */
function paddedBase64url(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

function answerOf(message: Msg): Answer {
  let ack: { seq?: number; error?: { err_code: number; description: string } } | null = null;
  try {
    ack = message.json();
  } catch {
    // told below
  }
  const { seq, error } = ack ?? {};
  if (error) {
    // Codes of nats-server's errors.json: wrong last sequence, in one of two ways to say it.
    if (error.err_code === 10071 || error.err_code === 10164) return { kind: "conflict" };
    return { kind: "refused", reason: `${error.description} (${error.err_code})` };
  }
  if (seq === undefined || !Number.isSafeInteger(seq)) {
    throw new UmecError("OBJECT_NO_ANSWER", `the hub's answer on ${message.subject} is no acknowledgement`);
  }
  return { kind: "stored", sequence: seq };
}

function reasonOf(error: unknown): string {
  if (error instanceof TimeoutError) return "the hub did not answer in time";
  if (error instanceof RequestError && error.isNoResponders()) return "no link, or no bucket at the hub";
  return error instanceof Error ? error.message : String(error);
}
