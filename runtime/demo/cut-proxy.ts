import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy on loopback that stands for the network between node and hub, and can fail as networks do. */
export interface CutProxy extends AsyncDisposable {
  readonly port: number;
  /** Bytes carried towards the target, and back. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Ends all connections and refuses new ones. */
  cut(): void;
  /** Carries nothing more, but keeps every connection open: a link that only looks alive. */
  stall(): void;
  /** Lets traffic through again; what was held back by `stall` is carried then. */
  restore(): void;
}

export async function startCutProxy(target: { host: string; port: number }): Promise<CutProxy> {
  const pairs = new Set<[Socket, Socket]>();
  const bytes = { sent: 0, received: 0 };
  let open = true;
  let stalled = false;

  const server: Server = createServer((near) => {
    if (!open) {
      near.destroy();
      return;
    }
    const far = connect(target);
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    for (const [from, to, count] of [
      [near, far, "sent"],
      [far, near, "received"],
    ] as const) {
      from.setNoDelay(true);
      if (stalled) from.pause();
      from.on("data", (chunk: Buffer) => {
        bytes[count] += chunk.length;
        if (!to.write(chunk)) from.pause();
      });
      to.on("drain", () => {
        if (!stalled) from.resume();
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;

  const destroyAll = (): void => {
    for (const [near, far] of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    port,
    get sentBytes() {
      return bytes.sent;
    },
    get receivedBytes() {
      return bytes.received;
    },
    cut() {
      open = false;
      destroyAll();
    },
    stall() {
      stalled = true;
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    restore() {
      open = true;
      stalled = false;
      for (const pair of pairs) for (const socket of pair) socket.resume();
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      destroyAll();
      await closed;
    },
  };
}
