import type { Server } from "node:http";
import type { Exchange } from "./exchange.ts";

/**
 * Closes connections on which nothing moves: idle ones, and those whose client does not take what was sent. While an
 * answer is being made, or a stream has nothing to say, that is not the client's fault.
 */
export function cutOffStalled(server: Server, underWay: ReadonlySet<Exchange>, afterMs: number): void {
  server.setTimeout(afterMs, (socket) => {
    const exchange = [...underWay].find(({ incoming }) => incoming.socket === socket);
    const untaken = socket.writableLength > 0 || (exchange?.outgoing.writableLength ?? 0) > 0;
    if (!exchange || untaken) socket.destroy();
    // The timer has fired and stands still; only what comes or goes would wind it up again.
    else socket.setTimeout(afterMs);
  });
}
