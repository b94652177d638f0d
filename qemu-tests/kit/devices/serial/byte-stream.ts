import type { Socket } from "node:net";
import type { DeviceAttachment } from "../types.ts";
import { lineServer } from "./line-server.ts";

export interface ByteStreamOptions {
  /** @default "uart" */
  id?: string;
}

/** The board's free serial port with nothing but a test behind it, which holds this itself. */
export interface ByteStream extends DeviceAttachment {
  /**
   * Lets bytes come in at the board. Those that nobody there reads are lost, as on a wire; so are those that are sent
   * while the board is off.
   */
  send(bytes: string | Uint8Array): void;
  /** Sends what `make` gives every `intervalMs`; returns a function that ends it. `stop` ends it, too. */
  repeat(intervalMs: number, make: () => string | Uint8Array): () => void;
  /** What the board has sent since this was made, the newest 64 KiB of it. */
  readonly received: Buffer;
  /**
   * Waits until the board has sent `text`, what it sent before included. Rejects after `timeoutMs`
   * (@default 30_000) with what came instead.
   */
  heard(text: string, options?: { timeoutMs?: number }): Promise<void>;
}

const keptBytes = 65_536;

/** A plain line: see {@link lineServer} for what it can't show. */
export function byteStream({ id = "uart" }: ByteStreamOptions = {}): ByteStream {
  let line: Socket | undefined;
  let received = Buffer.alloc(0);
  const watchers = new Set<() => void>();
  const timers = new Set<NodeJS.Timeout>();

  const server = lineServer(id, (socket) => {
    line = socket;
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]).subarray(-keptBytes);
      for (const watcher of watchers) watcher();
    });
    socket.on("close", () => {
      if (line === socket) line = undefined;
    });
  });

  function send(bytes: string | Uint8Array): void {
    // A guest that does not read must not fill our memory: what waits already is a second of a fast line.
    if (line && line.writableLength < keptBytes) line.write(bytes);
  }

  return {
    ...server,
    handles: {},
    send,
    repeat(intervalMs, make) {
      const timer = setInterval(() => send(make()), intervalMs);
      timers.add(timer);
      return () => {
        clearInterval(timer);
        timers.delete(timer);
      };
    },
    get received() {
      return received;
    },
    async heard(text, { timeoutMs = 30_000 } = {}) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = (): void => {
        if (received.includes(text)) resolve();
      };
      const timer = setTimeout(() => {
        const came = received.subarray(-200).toString("latin1");
        reject(new Error(`no ${JSON.stringify(text)} within ${timeoutMs} ms, but ${JSON.stringify(came)}`));
      }, timeoutMs);
      watchers.add(look);
      look();
      await promise.finally(() => {
        clearTimeout(timer);
        watchers.delete(look);
      });
    },
    async stop() {
      for (const timer of timers) clearInterval(timer);
      timers.clear();
      await server.stop();
    },
  };
}
