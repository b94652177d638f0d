import { headers, type Msg, type NatsConnection, RequestError, TimeoutError } from "@nats-io/transport-node";
import { UmecError } from "../errors.ts";
import { type FrameHeader, formatFrameHeader, frameHeaderName, parseFrameHeader } from "../frame.ts";
import { signatureHeaderName, signFrame } from "../frame-signature.ts";
import { type Chain, chainSubject, lastSubject } from "../subjects.ts";

/** What the hub has last on a chain. */
export interface Last {
  /** Its sequence in the stream; 0: nothing is on the chain, or retention has removed it. */
  sequence: number;
  /** `undefined`: nothing, or no frame of µMEC, or none that this node's key has signed. */
  header: FrameHeader | undefined;
  /** It looks like a frame of this node, and this node's key has not signed it. */
  forged?: true;
}

/** Ed25519 by the key that the hub knows this node by: 64 bytes. */
export type Signer = (message: Uint8Array) => Uint8Array;

/** The hub's answer to a frame. */
export type Answer =
  | { kind: "stored"; sequence: number }
  /** The chain's last message is another than was expected: look it up. */
  | { kind: "conflict" }
  /** Not stored, and will not be by sending it again. */
  | { kind: "too-large" }
  /** Not stored now: full, not allowed, no leader. */
  | { kind: "refused"; reason: string };

/**
 * The hub as the link sees it: publish with a condition, and look the last message up. Plain requests, so that
 * the node needs no rights on JetStream's own subjects.
 *
 * Both reject with `LINK_NO_ANSWER` when nobody answered in time, or there is nobody, and with the signal's
 * reason when it aborts: what became of the frame is then not known.
 */
export class HubPort {
  readonly #connection: NatsConnection;
  readonly #ackMs: number;
  readonly #sign: Signer | undefined;

  /** @param sign of the node's key for frames; without it they are not signed */
  constructor(connection: NatsConnection, ackMs: number, sign: Signer | undefined) {
    this.#connection = connection;
    this.#ackMs = ackMs;
    this.#sign = sign;
  }

  async publish(
    chain: Chain,
    payload: Uint8Array,
    header: FrameHeader,
    expected: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    // It counts the headers too.
    const most = this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (payload.length + mostHeaderBytes > most) return { kind: "too-large" };
    const subject = chainSubject(chain);
    const text = formatFrameHeader(header);
    const hdrs = headers();
    hdrs.set(frameHeaderName, text);
    if (this.#sign) hdrs.set(signatureHeaderName, signFrame({ subject, header: text, payload }, this.#sign));
    hdrs.set("Nats-Expected-Last-Subject-Sequence", String(expected));
    const ack = parseAck(await this.#request(subject, payload, signal, hdrs));
    if (ack.error === undefined) return { kind: "stored", sequence: ack.seq };
    const { err_code: code, description } = ack.error;
    // Codes of nats-server's errors.json: wrong last sequence, message size exceeds maximum allowed.
    if (code === 10071 || code === 10164) return { kind: "conflict" };
    if (code === 10054) return { kind: "too-large" };
    return { kind: "refused", reason: `${description} (${code})` };
  }

  async last(chain: Chain, signal: AbortSignal): Promise<Last> {
    const message = await this.#request(lastSubject(chain), new Uint8Array(0), signal);
    if (message.headers?.code === 404) return { sequence: 0, header: undefined };
    const sequence = Number(message.headers?.get("Nats-Sequence"));
    if (!Number.isSafeInteger(sequence) || sequence < 1) {
      throw new UmecError(
        "LINK_NO_ANSWER",
        `the hub's answer for ${chainSubject(chain)} can't be read: ${message.headers?.description ?? ""}`,
      );
    }
    const text = message.headers?.get(frameHeaderName) ?? "";
    const header = parseFrameHeader(text);
    if (!header || !this.#sign) return { sequence, header };
    // What the same key signs again has the same signature: no other key is needed to verify it.
    const frame = { subject: chainSubject(chain), header: text, payload: message.data };
    if (message.headers?.get(signatureHeaderName) === signFrame(frame, this.#sign))
      return { sequence, header };
    return { sequence, header: undefined, forged: true };
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
      throw new UmecError("LINK_NO_ANSWER", reasonOf(error), { cause: error });
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}

/** More than the headers of a frame, signed and with the longest numbers. */
const mostHeaderBytes = 512;

/** Whether the request was lost on its way, rather than refused at once by a bus without a link. */
export function wasLost(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof TimeoutError;
}

function reasonOf(error: unknown): string {
  if (error instanceof TimeoutError) return "the hub did not answer in time";
  if (error instanceof RequestError && error.isNoResponders()) return "no link, or no stream at the hub";
  return error instanceof Error ? error.message : String(error);
}

interface PubAck {
  seq: number;
  error?: { err_code: number; description: string };
}

function parseAck(message: Msg): PubAck {
  let ack: Partial<PubAck> | null = null;
  try {
    ack = message.json();
  } catch {
    // told below
  }
  if (ack?.error === undefined && !Number.isSafeInteger(ack?.seq)) {
    throw new UmecError("LINK_NO_ANSWER", `the hub's answer on ${message.subject} is no acknowledgement`);
  }
  return ack as PubAck;
}
