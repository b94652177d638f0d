/**
 * Keeps the line open: opens it, again and again with a wait that doubles when it can't, and after it was lost.
 *
 * Writes take turns. At most {@link maxWaiting} wait; one that takes longer than {@link writeTimeoutMs}, as with a
 * device that holds the flow for ever, closes the line, since nothing else can end it.
 */
import { messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import { offlineError } from "./commands.ts";
import type { Line, OpenLine } from "./line.ts";

export const maxWaiting = 16;
export const writeTimeoutMs = 5000;

export interface ConnectionOptions {
  /** For messages. */
  path: string;
  open: OpenLine;
  backoff: { initialMs: number; maxMs: number };
  /** Rejects when it is to end. */
  sleep: (ms: number) => Promise<void>;
  /** The line is open; bytes follow. */
  onOpen: () => void;
  onData: (chunk: Buffer) => void;
  /** The line was lost, or could not be opened. */
  onDown: (error: Error) => void;
}

export interface Connection {
  /** Rejects with `SERIAL_OFFLINE`, `SERIAL_BUSY`, `SERIAL_TIMEOUT` or `SERIAL_PORT`. */
  write(bytes: Uint8Array): Promise<void>;
  /** Runs until the signal aborts; the line is closed then. */
  run(signal: AbortSignal): Promise<void>;
}

export function createConnection(options: ConnectionOptions): Connection {
  const { path, open, backoff, sleep, onOpen, onData, onDown } = options;
  let line: Line | undefined;
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();

  async function writeNow(bytes: Uint8Array, wanted: Line | undefined): Promise<void> {
    const used = line;
    if (!used || used !== wanted) throw offlineError(path);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(new UmecError("SERIAL_TIMEOUT", `${path} took nothing for ${writeTimeoutMs} ms`));
      used.close();
    }, writeTimeoutMs);
    try {
      await Promise.race([used.write(bytes), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Opens the line once and stays until it is gone; gives the reason. */
  async function hold(signal: AbortSignal): Promise<Error> {
    const gone = Promise.withResolvers<Error>();
    const events = {
      data: onData,
      closed: (error?: Error) => gone.resolve(error ?? new UmecError("SERIAL_PORT", `${path} was closed`)),
    };
    let opened: Line;
    try {
      opened = await open(events, signal);
    } catch (error) {
      return error instanceof Error ? error : new Error(messageOf(error));
    }
    const close = (): void => opened.close();
    signal.addEventListener("abort", close, { once: true });
    if (signal.aborted) close();
    line = opened;
    onOpen();
    try {
      return await gone.promise;
    } finally {
      line = undefined;
      signal.removeEventListener("abort", close);
    }
  }

  /** Gives whether it is to go on. */
  const slept = (ms: number): Promise<boolean> =>
    sleep(ms).then(
      () => true,
      () => false,
    );

  return {
    async write(bytes) {
      const wanted = line;
      if (!wanted) throw offlineError(path);
      if (waiting >= maxWaiting) {
        throw new UmecError("SERIAL_BUSY", `${maxWaiting} writes wait for ${path} already`);
      }
      waiting += 1;
      const turn = last.then(() => writeNow(bytes, wanted));
      last = turn.catch(() => {});
      await turn.finally(() => {
        waiting -= 1;
      });
    },
    async run(signal) {
      let waitMs = backoff.initialMs;
      while (!signal.aborted) {
        const openedMs = performance.now();
        const error = await hold(signal);
        if (signal.aborted) return;
        onDown(error);
        // A line that lasted deserves a fresh chance, one that breaks at once does not.
        if (performance.now() - openedMs > backoff.maxMs) waitMs = backoff.initialMs;
        if (!(await slept(waitMs))) return;
        waitMs = Math.min(backoff.maxMs, 2 * waitMs);
      }
    },
  };
}
