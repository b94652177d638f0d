/**
 * The way between a board and one server outside, as a TCP proxy on loopback.
 *
 * The board keeps one address while the server restarts on another; each connection asks anew where the server is.
 * What passes can be delayed. Each direction of a connection holds at most 1 MiB; then its source is not read until
 * the other side has taken it, so a slow reader slows the writer as on a real line.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

export interface ProxyTarget {
  host: string;
  port: number;
}

export interface TcpProxy extends AsyncDisposable {
  /** On 127.0.0.1; a guest reaches it at 10.0.2.2. */
  readonly port: number;
  /** Connections that are open. */
  readonly connections: number;
  /** Delays what passes, each way, from the next byte on. In milliseconds, from 0. */
  delay(ms: number): void;
  /** Resets all connections; new ones are let in. */
  break(): void;
}

const heldBytes = 2 ** 20;

/** Listens on a free port of loopback. `target` is asked for each connection. */
export async function startProxy(target: () => ProxyTarget): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let delayMs = 0;
  const server: Server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ ...target(), allowHalfOpen: true });
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      breakPair(pair);
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", () => {
        if (near.closed && far.closed) pairs.delete(pair);
      });
    }
    carry(near, far, () => delayMs);
    carry(far, near, () => delayMs);
  });
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const breakAll = () => {
    for (const pair of pairs) breakPair(pair);
  };
  return {
    port,
    get connections() {
      return pairs.size;
    },
    delay(ms) {
      if (!(ms >= 0 && ms <= 60_000)) throw new RangeError(`a delay of ${ms} ms is not from 0 to 60000`);
      delayMs = ms;
    },
    break: breakAll,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      breakAll();
      await closed;
    },
  };
}

/** The board hears a reset, as from a router that has forgotten the connection. */
function breakPair([near, far]: readonly [Socket, Socket]): void {
  near.resetAndDestroy();
  far.destroy();
}

/** Carries bytes in their order, each `delayMs()` after it came, and then the end of the stream. */
function carry(from: Socket, to: Socket, delayMs: () => number): void {
  const line: { bytes: Buffer | undefined; dueMs: number }[] = [];
  let held = 0;
  let blocked = false;
  let timer: NodeJS.Timeout | undefined;
  const move = () => {
    timer = undefined;
    for (;;) {
      const first = line[0];
      if (!first || blocked) return;
      const waitMs = first.dueMs - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(move, waitMs);
        return;
      }
      line.shift();
      if (first.bytes === undefined) {
        to.end();
        return;
      }
      held -= first.bytes.length;
      blocked = !to.write(first.bytes);
      if (held < heldBytes) from.resume();
    }
  };
  const put = (bytes: Buffer | undefined) => {
    const last = line.at(-1)?.dueMs ?? 0;
    line.push({ bytes, dueMs: Math.max(last, performance.now() + delayMs()) });
    held += bytes?.length ?? 0;
    if (held >= heldBytes) from.pause();
    if (timer === undefined) move();
  };
  from.on("data", put);
  from.on("end", () => put(undefined));
  to.on("close", () => clearTimeout(timer));
  to.on("drain", () => {
    blocked = false;
    if (timer === undefined) move();
  });
}
