import type { ServerResponse } from "node:http";
import type { Exchange } from "./exchange.ts";

/**
 * Sends a stream as fast as the client takes it, and no faster: while the client is behind, nothing is read. Ends it when
 * the exchange aborts; the source is cancelled then.
 *
 * Rejects with what the source failed with.
 */
export async function sendStream(
  stream: ReadableStream<Uint8Array>,
  status: number,
  headers: Readonly<Record<string, string>>,
  exchange: Exchange,
): Promise<void> {
  const { outgoing, signal } = exchange;
  exchange.streaming = true;
  const reader = stream.getReader();
  const leave = (): void => void reader.cancel(signal.reason).catch(() => {});
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  // It may fail while the client is waited for, which then is not worth it any more.
  let failure: { cause: unknown } | undefined;
  reader.closed.catch((cause: unknown) => {
    failure = { cause };
    outgoing.destroy();
  });
  try {
    outgoing.writeHead(status, headers);
    outgoing.flushHeaders();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!outgoing.write(value)) await drained(outgoing);
    }
    outgoing.end();
  } catch {
    outgoing.destroy();
    leave();
    // The rest is a client that left.
    if (failure) throw failure.cause;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Resolves when more may be written, or never will. */
function drained(outgoing: ServerResponse): Promise<void> {
  if (outgoing.destroyed || outgoing.closed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("drain", done);
    outgoing.on("close", done);
  });
}
