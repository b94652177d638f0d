/**
 * A Modbus client on one connection.
 *
 * What it promises:
 * 1. Each request ends: with the reply's PDU, or with `MODBUS_TIMEOUT` at most `timeoutMs` after it was sent,
 *    or with `MODBUS_DISCONNECTED`. Nothing is sent twice.
 * 2. A reply is given only to the request whose transaction identifier, unit and function code it carries
 *    (messaging guide V1.0b, section 4.4.1.3); a late or foreign one is counted and dropped.
 * 3. At most `maxInFlight` requests are under way, urgent ones first, else in the order of asking.
 * 4. At most `maxQueued` wait; one more is refused with `MODBUS_BUSY`.
 * 5. It connects by itself, at once after a connection that worked and with jittered backoff after one that
 *    did not. Requests wait for an attempt that is under way; between attempts they fail at once.
 *
 * A connection on which three requests in a row found no answer is dropped and opened again: a peer that lost
 * its power does not say goodbye, and TCP would go on for a quarter of an hour. The error that `onState` then
 * gets has a cause of code `MODBUS_TIMEOUT`.
 *
 * Speed: there is one timer for all requests, set for the oldest and not touched when a reply comes. Frames
 * that become due in the same turn are written together, so pipelined requests share a segment.
 */
import { setTimeout as delay } from "node:timers/promises";
import { ExponentialBackoff } from "cockatiel";
import { isUmecError, messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import { frameError } from "./errors.ts";
import { createRequestQueue, type Request } from "./queue.ts";
import type { Framing, Line, OpenLine } from "./transport.ts";

export interface ClientOptions {
  open: OpenLine;
  framing: Framing;
  /** Longest wait for a reply. @default 1000 */
  timeoutMs?: number;
  /** Longest wait for a connection. @default 5000 */
  connectTimeoutMs?: number;
  /** @default { initialMs: 500, maxMs: 30_000 } */
  backoff?: { initialMs: number; maxMs: number };
  /** Requests under way at once; more than 1 only if the server can (most gateways can't). @default 1 */
  maxInFlight?: number;
  /** @default 1024 */
  maxQueued?: number;
  /** The connection came (`undefined`) or went, or an attempt failed. */
  onState?: (error: UmecError | undefined) => void;
}

export interface RequestOptions {
  /** Goes ahead of all that is not. @default false */
  urgent?: boolean;
  /** Gives a request up that was not sent yet: looked at when its turn comes. */
  signal?: AbortSignal;
}

export interface Client extends AsyncDisposable {
  /** Sends a PDU to `unit` (0 to 255); resolves with the reply's PDU, which may be an exception. */
  request(unit: number, pdu: Buffer, options?: RequestOptions): Promise<Buffer>;
  readonly connected: boolean;
  /** Replies that fitted no request. */
  readonly strays: number;
  /** Closes the connection; what waits is rejected with `MODBUS_DISCONNECTED`. */
  close(): Promise<void>;
}

const silentTimeoutsToDrop = 3;

export function createClient({
  open,
  framing,
  timeoutMs = 1000,
  connectTimeoutMs = 5000,
  backoff: { initialMs, maxMs } = { initialMs: 500, maxMs: 30_000 },
  maxInFlight = 1,
  maxQueued = 1024,
  onState = () => {},
}: ClientOptions): Client {
  const ended = new AbortController();
  const queue = createRequestQueue(maxQueued);
  /** By transaction identifier; in the order of sending, so that the first is the oldest. */
  const inFlight = new Map<number, Request>();
  let line: Line | undefined;
  /** Ends the connection, for a reason of ours. */
  let drop: (reason: unknown) => void = () => {};
  let reason: UmecError | undefined;
  let transactionId = 0;
  let timer: NodeJS.Timeout | undefined;
  let flushing = false;
  let heard = false;
  let silent = 0;
  let strays = 0;

  function flushSoon(): void {
    if (flushing) return;
    flushing = true;
    // After the microtasks: all who awaited replies of one segment have asked again by then.
    process.nextTick(flush);
  }

  function flush(): void {
    flushing = false;
    if (!line) return;
    let bytes: Buffer | undefined;
    while (inFlight.size < maxInFlight) {
      const request = queue.next();
      if (!request) break;
      transactionId = (transactionId + 1) & 0xffff;
      request.deadlineMs = performance.now() + timeoutMs;
      inFlight.set(transactionId, request);
      const adu = framing.encode(transactionId, request.unit, request.pdu);
      bytes = bytes ? Buffer.concat([bytes, adu]) : adu;
    }
    if (!bytes) return;
    if (!timer) armTimer();
    line.write(bytes);
  }

  function armTimer(): void {
    timer = undefined;
    for (const { deadlineMs } of inFlight.values()) {
      timer = setTimeout(expire, Math.max(1, Math.ceil(deadlineMs - performance.now())));
      return;
    }
  }

  function expire(): void {
    const now = performance.now();
    for (const [id, request] of inFlight) {
      if (request.deadlineMs > now) break;
      inFlight.delete(id);
      silent += 1;
      request.reject(
        new UmecError("MODBUS_TIMEOUT", `unit ${request.unit} did not answer within ${timeoutMs} ms`),
      );
    }
    armTimer();
    if (silent >= silentTimeoutsToDrop)
      drop(new UmecError("MODBUS_TIMEOUT", `${silent} requests in a row found no answer`));
    // After those who were rejected had their say: they may give up what else they have in the queue.
    else setImmediate(flush);
  }

  function onFrame(id: number, unit: number, pdu: Buffer): void {
    heard = true;
    silent = 0;
    const request = inFlight.get(id);
    if (!request) {
      strays += 1;
      return;
    }
    inFlight.delete(id);
    if (unit === request.unit && (pdu[0]! & 0x7f) === request.pdu[0]) request.resolve(Buffer.from(pdu));
    else {
      request.reject(
        frameError(
          `asked unit ${request.unit} for function ${request.pdu[0]}, unit ${unit} answered ${pdu[0]}`,
        ),
      );
    }
  }

  function disconnect(error: UmecError): void {
    line = undefined;
    clearTimeout(timer);
    timer = undefined;
    silent = 0;
    for (const request of inFlight.values()) request.reject(error);
    inFlight.clear();
  }

  async function connectOnce(): Promise<UmecError> {
    const gone = Promise.withResolvers<unknown>();
    heard = false;
    let opened: Line | undefined;
    drop = (why) => {
      gone.resolve(why);
      opened?.close();
    };
    try {
      const decode = framing.createDecoder(onFrame);
      opened = await open(
        {
          data(chunk) {
            try {
              decode(chunk);
            } catch (error) {
              drop(error);
            }
            flushSoon();
          },
          closed: (error) => gone.resolve(error ?? new Error("the peer closed it")),
        },
        AbortSignal.any([ended.signal, AbortSignal.timeout(connectTimeoutMs)]),
      );
      line = opened;
      reason = undefined;
      onState(undefined);
      flushSoon();
      return disconnected("the connection was lost", await gone.promise);
    } catch (error) {
      return disconnected("no connection", error);
    }
  }

  async function keepConnected(): Promise<void> {
    const fresh = new ExponentialBackoff({ initialDelay: initialMs, maxDelay: maxMs });
    let backoff = fresh.next();
    while (!ended.signal.aborted) {
      const error = await connectOnce();
      disconnect(error);
      if (ended.signal.aborted) return;
      onState(error);
      // It worked, or we ended it after three timeouts: neither can become a storm.
      if (heard || isUmecError(error.cause, "MODBUS_TIMEOUT")) {
        backoff = fresh.next();
        continue;
      }
      reason = error;
      queue.rejectAll(error);
      await delay(backoff.duration, undefined, { signal: ended.signal }).catch(() => {});
      backoff = backoff.next(undefined);
      reason = undefined;
    }
  }

  const kept = keepConnected();

  async function close(): Promise<void> {
    const error = new UmecError("MODBUS_DISCONNECTED", "the client was closed");
    reason = error;
    ended.abort(error);
    queue.rejectAll(error);
    line?.close();
    await kept;
    reason = error;
  }

  return {
    request(unit, pdu, { urgent = false, signal } = {}) {
      return new Promise((resolve, reject) => {
        if (reason) return reject(reason);
        const request: Request = { unit, pdu, signal, resolve, reject, deadlineMs: 0 };
        if (queue.add(request, urgent)) flushSoon();
      });
    },
    get connected() {
      return line !== undefined;
    },
    get strays() {
      return strays;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function disconnected(what: string, cause: unknown): UmecError {
  return new UmecError("MODBUS_DISCONNECTED", `${what}: ${messageOf(cause)}`, { cause });
}
