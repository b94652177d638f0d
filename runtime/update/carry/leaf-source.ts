/** A bundle's index and chunks by the leaf link: one plain request each, which the hub's stream OTA answers by itself. */
import { type Msg, type NatsConnection, RequestError, TimeoutError } from "@nats-io/nats-core";
import { decorrelatedJitterGenerator, ExponentialBackoff, type IBackoff } from "cockatiel";
import { isUmecError, messageOf, UmecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { type ChunkRef, decodeChunk } from "../../ota/chunk.ts";
import { type BundleIndex, decodeIndex, parseHead } from "../../ota/index-format.ts";
import { nodeOtaRoot, otaChunkTokens, otaIndexTokens } from "../../subjects.ts";
import type { BundleInfo } from "../types.ts";
import { type LeafEvents, LinkGate } from "./link-gate.ts";
import type { BundleSource, KnownPieces } from "./types.ts";

export interface LeafSourceOptions {
  /** In the account of the link. */
  connection: NatsConnection;
  leaf: LeafEvents;
  log: Log;
  /** Ends it. */
  signal: AbortSignal;
  /** Longest wait for an answer while the link is up; on the slowest a chunk takes long. @default 60_000 */
  answerMs?: number;
}

const defaultAnswerMs = 60_000;
/** How often a chunk may come damaged in a row. */
const mostDamaged = 3;
const piecesAtOnce = 8;
const backoffOptions = { initialDelay: 500, maxDelay: 300_000, generator: decorrelatedJitterGenerator };

export class LeafSource implements BundleSource {
  readonly #options: LeafSourceOptions;
  readonly #gate: LinkGate;

  constructor(options: LeafSourceOptions) {
    this.#options = options;
    this.#gate = new LinkGate(options.leaf, options.signal);
  }

  async index(bundle: BundleInfo, known: KnownPieces, signal: AbortSignal): Promise<BundleIndex> {
    const message = await this.#ask(otaIndexTokens(bundle.sha256), signal);
    if (!message) throw gone(`the bundle ${bundle.version} (${bundle.sha256.slice(0, 12)}…)`);
    const head = parseHead(message);
    const same = head.bundle.sha256 === bundle.sha256 && head.bundle.bytes === bundle.bytes;
    if (!same) {
      throw new UmecError("OTA_INDEX_INVALID", `the hub's index is not of the bundle ${bundle.sha256}`, {
        hint: "umec ota push the bundle again",
      });
    }
    const pieces: Uint8Array[] = [];
    for (let from = 0; from < head.body.length; from += piecesAtOnce) {
      const some = head.body.slice(from, from + piecesAtOnce);
      const asked = some.map(([name, bytes]) => known.get(name) ?? this.chunk({ name, bytes }, signal));
      pieces.push(...(await Promise.all(asked)));
    }
    return decodeIndex(bundle, Buffer.concat(pieces));
  }

  async chunk(ref: Pick<ChunkRef, "name" | "bytes">, signal: AbortSignal): Promise<Uint8Array> {
    for (let damaged = 1; ; damaged++) {
      const encoded = await this.#ask(otaChunkTokens(ref.name), signal);
      if (!encoded) throw gone(`a chunk (${ref.name})`);
      try {
        return decodeChunk(encoded, ref);
      } catch (error) {
        if (!isUmecError(error) || damaged === mostDamaged) throw error;
        this.#options.log.warn("a chunk of an update came damaged", { reason: error.message });
      }
    }
  }

  /** The answer's body, or `undefined` when the hub has no such message. */
  async #ask(tokens: string, outer: AbortSignal): Promise<Uint8Array | undefined> {
    const signal = AbortSignal.any([outer, this.#options.signal]);
    let backoff: IBackoff<unknown> | undefined;
    for (;;) {
      const session = await this.#gate.up(signal);
      try {
        const message = await this.#request(`${nodeOtaRoot}.${tokens}`, AbortSignal.any([signal, session]));
        if (message.headers?.code === 404) return undefined;
        if (message.headers?.get("Nats-Sequence")) return message.data;
        throw new Error(`the hub said ${message.headers?.code} ${message.headers?.description}`);
      } catch (error) {
        signal.throwIfAborted();
        if (session.aborted) {
          backoff = undefined;
          continue;
        }
        backoff = (
          backoff ? backoff.next(undefined) : new ExponentialBackoff(backoffOptions).next()
        ) as IBackoff<unknown>;
        this.#options.log.debug("a part of an update did not come", { reason: reasonOf(error) });
        await this.#gate.pause(backoff.duration, signal);
      }
    }
  }

  async #request(subject: string, signal: AbortSignal): Promise<Msg> {
    signal.throwIfAborted();
    const cut = Promise.withResolvers<never>();
    const abort = (): void => cut.reject(signal.reason);
    signal.addEventListener("abort", abort);
    try {
      const timeout = this.#options.answerMs ?? defaultAnswerMs;
      const reply = this.#options.connection.request(subject, "", { timeout });
      // When the signal comes first, nobody waits for this one any more.
      reply.catch(() => undefined);
      return await Promise.race([reply, cut.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}

function gone(what: string): UmecError {
  return new UmecError("UPDATE_NOT_AT_HUB", `${what} is not at the hub`, {
    hint: "was it removed by umec ota prune? umec ota push it again",
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof TimeoutError) return "the hub did not answer in time";
  if (error instanceof RequestError && error.isNoResponders()) return "nobody at the hub answers for updates";
  return messageOf(error);
}
