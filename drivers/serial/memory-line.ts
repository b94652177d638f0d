/** The twin of `port.ts`: a line without hardware, which can be unplugged. */
import { portError } from "./errors.ts";
import type { LineEvents, OpenLine } from "./line.ts";

export interface MemoryLine {
  open: OpenLine;
  /** Attempts to open it. */
  readonly opened: number;
  /** What the driver has written, in order. */
  readonly written: readonly Buffer[];
  /** Lets bytes come in. Rejects when nobody has opened the line within 2 s. */
  send(bytes: string | Uint8Array): Promise<void>;
  /** Waits until the driver has written `text`, calls before included. */
  heard(text: string, options?: { timeoutMs?: number }): Promise<void>;
  /** Ends the line as a converter does that is pulled out; until {@link plug} there is nothing to open. */
  unplug(): void;
  plug(): void;
}

export function createMemoryLine(): MemoryLine {
  let events: LineEvents | undefined;
  let plugged = true;
  let opened = 0;
  const written: Buffer[] = [];
  const watchers = new Set<() => void>();
  const notify = (): void => {
    for (const watcher of watchers) watcher();
  };

  async function until(holds: () => boolean, what: string, timeoutMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      if (holds()) resolve();
    };
    const timer = setTimeout(() => reject(new Error(`${what} within ${timeoutMs} ms`)), timeoutMs);
    watchers.add(look);
    look();
    await promise.finally(() => {
      clearTimeout(timer);
      watchers.delete(look);
    });
  }

  function gone(error?: Error): void {
    const told = events;
    events = undefined;
    if (told) setImmediate(() => told.closed(error));
  }

  return {
    get opened() {
      return opened;
    },
    written,
    async open(listener, signal) {
      signal.throwIfAborted();
      opened += 1;
      notify();
      if (!plugged) throw portError("the line can't be opened", new Error("it is not plugged in"));
      events = listener;
      notify();
      return {
        async write(bytes) {
          if (events !== listener) throw portError("the line is gone", new Error("it was closed"));
          written.push(Buffer.from(bytes));
          notify();
        },
        close() {
          if (events === listener) gone();
        },
      };
    },
    async send(bytes) {
      await until(() => events !== undefined, "nobody opened the line", 2000);
      // As the real one does: a buffer that is used again.
      const chunk = Buffer.from(bytes as string);
      events?.data(chunk);
      chunk.fill(0);
    },
    heard: (text, { timeoutMs = 5000 } = {}) =>
      until(
        () => Buffer.concat(written).toString("latin1").includes(text),
        `${JSON.stringify(text)} was not written`,
        timeoutMs,
      ),
    unplug() {
      plugged = false;
      gone(portError("the line is gone", new Error("it was unplugged")));
    },
    plug() {
      plugged = true;
    },
  };
}
