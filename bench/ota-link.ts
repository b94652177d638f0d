import { connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export interface SlowLink extends AsyncDisposable {
  readonly port: number;
  /** To whoever dialled. */
  readonly bytes: number;
}

/** A line of so many bytes a second each way, and a time to get through, in front of a port on loopback. */
export async function startSlowLink(
  port: number,
  { bytesPerS, delayMs }: { bytesPerS: number; delayMs: number },
): Promise<SlowLink> {
  let down = 0;
  // All connections share the line.
  const free = { up: 0, down: 0 };
  const sockets = new Set<Socket>();
  const carry = async (from: Socket, to: Socket, way: "up" | "down"): Promise<void> => {
    for await (const data of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < data.length; at += 1448) {
        const piece = data.subarray(at, at + 1448);
        const now = performance.now();
        const waitMs = free[way] - now;
        free[way] = Math.max(free[way], now) + (piece.length / bytesPerS) * 1000;
        // Timers are of whole milliseconds; what is owed for less is paid by the next piece.
        if (waitMs >= 1) await delay(waitMs);
        if (way === "down") down += piece.length;
        setTimeout(() => to.write(piece), delayMs);
      }
    }
    setTimeout(() => to.end(), delayMs);
  };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    for (const done of [carry(near, far, "up"), carry(far, near, "down")]) done.catch(() => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    get bytes() {
      return down;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
