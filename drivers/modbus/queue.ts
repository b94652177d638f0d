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
}

export interface RequestQueue {
  /** Whether it was taken: a full queue rejects the request with `MODBUS_BUSY`. */
  add(request: Request, urgent: boolean): boolean;
  /** The request whose turn it is; those that were given up are rejected on the way. */
  next(): Request | undefined;
  rejectAll(error: unknown): void;
}

/** Two lines before one desk: urgent requests are served first, each line in its order. */
export function createRequestQueue(maxQueued: number): RequestQueue {
  const urgent: Request[] = [];
  const others: Request[] = [];
  return {
    add(request, isUrgent) {
      if (urgent.length + others.length >= maxQueued) {
        request.reject(
          new UmecError("MODBUS_BUSY", `${maxQueued} requests wait for the connection already`, {
            hint: "ask for less, or raise intervalMs",
          }),
        );
        return false;
      }
      (isUrgent ? urgent : others).push(request);
      return true;
    },
    next() {
      for (;;) {
        const request = urgent.shift() ?? others.shift();
        if (!request?.signal?.aborted) return request;
        request.reject(request.signal.reason);
      }
    },
    rejectAll(error) {
      for (const request of urgent.splice(0)) request.reject(error);
      for (const request of others.splice(0)) request.reject(error);
    },
  };
}
