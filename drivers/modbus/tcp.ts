import { connect } from "node:net";
import type { OpenLine } from "./transport.ts";

/** Room for 15 of the longest frames; more comes in the next chunk. */
const readBufferBytes = 4096;

/**
 * A line over TCP. Messaging guide, section 4.3.2: `TCP_NODELAY`, since a request is one small segment that
 * must not wait for the last one's acknowledgement, and keep-alive, so that a dead peer is noticed when idle.
 */
export function tcpLine({ host, port }: { host: string; port: number }): OpenLine {
  return (events, signal) => {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<OpenLine>>>();
    let opened = false;
    let failure: Error | undefined;
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 15_000,
      // One buffer for the connection's life instead of one for each segment.
      onread: {
        buffer: Buffer.allocUnsafe(readBufferBytes),
        callback(bytes, buffer) {
          events.data((buffer as Buffer).subarray(0, bytes));
          return true;
        },
      },
    });
    const giveUp = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    socket.once("connect", () => {
      signal.removeEventListener("abort", giveUp);
      opened = true;
      resolve({ write: (bytes) => void socket.write(bytes), close: () => void socket.destroy() });
    });
    socket.on("error", (error) => {
      failure = error;
    });
    socket.once("close", () => {
      signal.removeEventListener("abort", giveUp);
      if (opened) events.closed(failure);
      else reject(failure ?? new Error("the connection was closed before it was open"));
    });
    return promise;
  };
}
