import type { IncomingMessage, ServerResponse } from "node:http";

/** A request and its answer, as long as they last. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** Aborts when the client left before the answer was out, or the API stops. */
  readonly signal: AbortSignal;
  /** Its answer is a stream, which ends at a stop instead of being waited for. */
  streaming: boolean;
  abort(reason: Error): void;
}

/** @param all it is in there until its answer is out or its connection closed */
export function beginExchange(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  all: Set<Exchange>,
): Exchange {
  // Most handlers never ask for a signal.
  let controller: AbortController | undefined;
  let reason: Error | undefined;
  const exchange: Exchange = {
    incoming,
    outgoing,
    streaming: false,
    get signal() {
      controller ??= new AbortController();
      if (reason) controller.abort(reason);
      return controller.signal;
    },
    abort(why) {
      reason ??= why;
      controller?.abort(reason);
    },
  };
  all.add(exchange);
  outgoing.once("close", () => {
    all.delete(exchange);
    if (!outgoing.writableFinished) exchange.abort(new Error("the client left"));
  });
  return exchange;
}
