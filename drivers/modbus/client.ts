/**
 * A Modbus client on one connection.
 *
 * What it promises:
 * 1. Each request ends: with the reply's PDU, or with `MODBUS_TIMEOUT` or `MODBUS_FRAME` when its time is over,
 *    or with `MODBUS_DISCONNECTED`.
 * 2. A reply is given only to the request that it answers; a late or foreign one is counted and dropped. How that
 *    is told, and how many requests are under way at once, is the *exchange*'s business: `pipeline.ts`, `rtu.ts`.
 * 3. Urgent requests are sent first, else as `priority.ts` says; of one priority in the order of asking.
 * 4. At most `maxQueued` wait; one more is refused with `MODBUS_BUSY`.
 * 5. It connects by itself, at once after a connection that worked and with jittered backoff after one that
 *    did not. Requests wait for an attempt that is under way; between attempts they fail at once.
 *
 * A network connection on which three requests in a row found no answer is dropped and opened again: a peer that
 * lost its power does not say goodbye, and TCP would go on for a quarter of an hour. The error that `onState` then
 * gets has a cause of code `MODBUS_TIMEOUT`.
 */
import { setTimeout as delay } from "node:timers/promises";
import { ExponentialBackoff } from "cockatiel";
import { isUmecError, messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import type { CreateExchange, Exchange } from "./exchange.ts";
import { mbap } from "./mbap.ts";
import { pipeline } from "./pipeline.ts";
import type { Priority } from "./priority.ts";
import { createRequestQueue, type Request } from "./queue.ts";
import type { Framing, Line, OpenLine } from "./transport.ts";

export interface ClientOptions {
  open: OpenLine;
  /** How requests and replies share the line. @default a pipeline of `framing` with `maxInFlight` */
  exchange?: CreateExchange;
  /** How a pipeline wraps PDUs. @default mbap */
  framing?: Framing;
  /** Longest wait for a reply. @default 1000 */
  timeoutMs?: number;
  /** Longest wait for a connection. @default 5000 */
  connectTimeoutMs?: number;
  /** @default { initialMs: 500, maxMs: 30_000 } */
  backoff?: { initialMs: number; maxMs: number };
  /** Requests under way at once in a pipeline; more than 1 only if the server can (most gateways can't). @default 1 */
  maxInFlight?: number;
  /** @default 1024 */
  maxQueued?: number;
  /** The connection came (`undefined`) or went, or an attempt failed. */
  onState?: (error: UmecError | undefined) => void;
}

export interface RequestOptions {
  /** Goes ahead of all that is not. @default false */
  urgent?: boolean;
  /** Of requests that are not urgent. @default "normal" */
  priority?: Priority;
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

export function createClient({
  open,
  framing = mbap,
  timeoutMs = 1000,
  connectTimeoutMs = 5000,
  backoff: { initialMs, maxMs } = { initialMs: 500, maxMs: 30_000 },
  maxInFlight = 1,
  exchange: createExchange = pipeline({ framing, maxInFlight }),
  maxQueued = 1024,
  onState = () => {},
}: ClientOptions): Client {
  const ended = new AbortController();
  const queue = createRequestQueue(maxQueued, () => performance.now());
  let line: Line | undefined;
  let exchange: Exchange | undefined;
  let reason: UmecError | undefined;
  let flushing = false;
  let heard = false;
  let strays = 0;

  function flushSoon(): void {
    if (flushing) return;
    flushing = true;
    // After the microtasks: all who awaited replies of one segment have asked again by then.
    process.nextTick(flush);
  }

  function flush(): void {
    flushing = false;
    exchange?.flush();
  }

  function disconnect(error: UmecError): void {
    line = undefined;
    exchange?.end(error);
    exchange = undefined;
  }

  async function connectOnce(): Promise<UmecError> {
    const gone = Promise.withResolvers<unknown>();
    heard = false;
    let opened: Line | undefined;
    let used: Exchange | undefined;
    /** Ends the connection, for a reason of ours. */
    const drop = (why: unknown): void => {
      gone.resolve(why);
      opened?.close();
    };
    try {
      opened = await open(
        {
          data(chunk) {
            try {
              used?.data(chunk);
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
      used = createExchange({
        write: opened.write,
        next: queue.next,
        giveBack: queue.giveBack,
        timeoutMs,
        drop,
        heard() {
          heard = true;
        },
        stray() {
          strays += 1;
        },
      });
      exchange = used;
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
    request(unit, pdu, { urgent = false, priority = "normal", signal } = {}) {
      return new Promise((resolve, reject) => {
        if (reason) return reject(reason);
        const times = { deadlineMs: 0, dueMs: 0, sent: 0 };
        const request: Request = { unit, pdu, signal, urgent, priority, resolve, reject, ...times };
        if (queue.add(request)) flushSoon();
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
