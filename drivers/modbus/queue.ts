import { UmecError } from "../../runtime/plugin/sdk.ts";

/** A request that waits or is under way. */
export interface Request {
  unit: number;
  pdu: Buffer;
  signal: AbortSignal | undefined;
  resolve: (reply: Buffer) => void;
  reject: (error: unknown) => void;
  /** Monotonic; set when it is sent. */
  deadlineMs: number;
  /** Goes ahead of all that is not. */
  urgent: boolean;
  /** How often it was sent. */
  sent: number;
}

export interface RequestQueue {
  /** Whether it was taken: a full queue rejects the request with `MODBUS_BUSY`. */
  add(request: Request): boolean;
  /**
   * The request whose turn it is: the first whose unit may be asked now. Those that were given up are rejected
   * on the way.
   */
  next(mayAsk?: (unit: number) => boolean): Request | undefined;
  /** Puts a request back, to be the next of its kind. */
  giveBack(request: Request): void;
  rejectAll(error: unknown): void;
}

/** Two lines before one desk: urgent requests are served first, each line in its order. */
export function createRequestQueue(maxQueued: number): RequestQueue {
  const urgent: Request[] = [];
  const others: Request[] = [];
  return {
    add(request) {
      if (urgent.length + others.length >= maxQueued) {
        request.reject(
          new UmecError("MODBUS_BUSY", `${maxQueued} requests wait for the connection already`, {
            hint: "ask for less, or raise intervalMs",
          }),
        );
        return false;
      }
      (request.urgent ? urgent : others).push(request);
      return true;
    },
    next(mayAsk) {
      return take(urgent, mayAsk) ?? take(others, mayAsk);
    },
    giveBack(request) {
      (request.urgent ? urgent : others).unshift(request);
    },
    rejectAll(error) {
      for (const request of urgent.splice(0)) request.reject(error);
      for (const request of others.splice(0)) request.reject(error);
    },
  };
}

function take(line: Request[], mayAsk?: (unit: number) => boolean): Request | undefined {
  let at = 0;
  while (at < line.length) {
    const request = line[at]!;
    if (request.signal?.aborted) {
      line.splice(at, 1);
      request.reject(request.signal.reason);
    } else if (mayAsk && !mayAsk(request.unit)) at += 1;
    else {
      // The first is the rule, and to shift is cheaper.
      if (at === 0) line.shift();
      else line.splice(at, 1);
      return request;
    }
  }
  return undefined;
}
