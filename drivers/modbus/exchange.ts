import type { Request } from "./queue.ts";

/** What an {@link Exchange} has to work with: one open line, and the requests that wait. */
export interface ExchangeContext {
  write(bytes: Uint8Array): void;
  /** As of the queue: the request whose turn it is. */
  next(mayAsk?: (unit: number) => boolean): Request | undefined;
  /** As of the queue: puts a request back, to be the next of its kind. */
  giveBack(request: Request): void;
  /** Longest wait for a reply. */
  timeoutMs: number;
  /** Ends the connection, for this reason. */
  drop(reason: unknown): void;
  /** A reply came: the peer is alive. */
  heard(): void;
  /** A reply came that fitted no request. */
  stray(): void;
}

/**
 * How requests and replies share a line that is open. Many may be under way at once where replies carry a
 * transaction identifier (`pipeline.ts`), only one where they do not (`rtu.ts`).
 *
 * Each request that was taken by `next` ends: by its reply, by `MODBUS_TIMEOUT` or `MODBUS_FRAME`, by `giveBack`,
 * or by `end`.
 */
export interface Exchange {
  /** Sends what waits, as far as it may be sent now. */
  flush(): void;
  /** Takes bytes that came; throws `MODBUS_FRAME` when the stream can't be followed any more. */
  data(chunk: Buffer): void;
  /** The line is gone: rejects what is under way, and lets go of all timers. */
  end(error: Error): void;
}

export type CreateExchange = (context: ExchangeContext) => Exchange;
