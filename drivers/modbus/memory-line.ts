/** The twin of `serial.ts` and `tcp.ts`: a line without hardware, which can be unplugged. */
import { Duplex } from "node:stream";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import type { LineEvents, OpenLine } from "./transport.ts";

export interface MemoryLine {
  open: OpenLine;
  /** The far end: what is written to it comes in on the line, and the other way round. It outlives unplugging. */
  readonly peer: Duplex;
  /** Attempts to open it. */
  readonly opened: number;
  /** Ends the line as a converter does that is pulled out; until {@link plug} there is nothing to open. */
  unplug(): void;
  plug(): void;
}

export function createMemoryLine(): MemoryLine {
  let events: LineEvents | undefined;
  let plugged = true;
  let opened = 0;
  const peer = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, written) {
      const { data } = events ?? {};
      // Never inside the other side's call: neither does a real line answer there.
      setImmediate(() => {
        if (events?.data === data) data?.(Buffer.from(chunk));
        written();
      });
    },
  });
  const gone = (error?: Error): void => {
    const told = events;
    events = undefined;
    if (told) setImmediate(() => told.closed(error));
  };
  return {
    peer,
    get opened() {
      return opened;
    },
    async open(listener, signal) {
      signal.throwIfAborted();
      opened += 1;
      if (!plugged) throw new UmecError("MODBUS_PORT", "the line is not plugged in");
      events = listener;
      return {
        write(bytes) {
          if (events === listener) peer.push(Buffer.from(bytes));
        },
        close() {
          if (events === listener) gone();
        },
      };
    },
    unplug() {
      plugged = false;
      gone(new Error("the line was unplugged"));
    },
    plug() {
      plugged = true;
    },
  };
}
