/**
 * A line over a serial port.
 *
 * The port is opened and set up by the package `serialport`, which is loaded only here and only when the first port
 * is opened. It is read by us: its own reading takes the end that a vanished USB converter leaves behind (reads
 * that give nothing) for a reason to read again, for ever. The kernel's lock (`TIOCEXCL`) keeps other programs
 * away, but for root's.
 *
 * RS-485: on most boards the kernel turns the driver on and off by itself (`linux,rs485-enabled-at-boot-time`), and
 * most USB converters do. Where neither is so, `rts` does it from here: RTS is raised before a request and lowered
 * when the last character has left (`tcdrain`). That is late by a timer's grain, so a unit that answers within a
 * millisecond or two is not heard.
 */
import { readSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import { characterMs, type SerialFormat } from "./serial-timing.ts";
import type { Line, LineEvents, OpenLine } from "./transport.ts";

export interface RtsDirection {
  /** RTS while sending. @default "high" */
  sending?: "high" | "low";
  /** Wait between switching to sending and the first character. @default 0 */
  beforeMs?: number;
  /** Wait between the last character and switching back. @default 0 */
  afterMs?: number;
}

export interface SerialOptions extends SerialFormat {
  /** `/dev/ttyAMA1`; for USB best a name below `/dev/serial/by-id` or `by-path`, which stays. */
  path: string;
  /** Switch an RS-485 driver by RTS. Left out: kernel or converter do it. */
  rts?: RtsDirection;
}

/** As much of `serialport`'s binding as is used. */
interface Port {
  fd: number | null;
  poller: { once(event: "readable", callback: (error: Error | null) => void): unknown };
  write(bytes: Buffer): Promise<void>;
  set(flags: { rts: boolean; dtr: boolean; brk: boolean; cts: boolean; dsr: boolean }): Promise<void>;
  drain(): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Longer than a frame, and than what a kernel hands over at once. */
const readBufferBytes = 4096;

/** Rejects with `MODBUS_PORT` when the port can't be opened or set up. */
export function serialLine({ path, rts, ...format }: SerialOptions): OpenLine {
  return async (events, signal) => {
    signal.throwIfAborted();
    const port = await openPort(path, format);
    try {
      signal.throwIfAborted();
      if (rts) await setRts(port, path, rts.sending === "low");
      // What was left by others is not for us.
      await port.flush();
    } catch (error) {
      await port.close().catch(() => {});
      throw error;
    }
    return use(port, events, path, format, rts);
  };
}

async function openPort(path: string, format: SerialFormat): Promise<Port> {
  // In a bundle a package in CommonJS has no names but this.
  const { SerialPort } = (await import("serialport")).default;
  const { baudRate, parity, stopBits } = format;
  try {
    const options = { path, baudRate, parity, stopBits: stopBits as 1 | 2, dataBits: 8, lock: true } as const;
    const port: unknown = await SerialPort.binding.open(options);
    if (!(port as Port).poller) throw new Error("serial lines need Linux or macOS");
    return port as Port;
  } catch (error) {
    throw new UmecError("MODBUS_PORT", `${path} can't be opened: ${messageOf(error)}`, {
      cause: error,
      hint: "is it plugged in, is the user in the group dialout, and does no other program use it?",
    });
  }
}

async function setRts(port: Port, path: string, high: boolean): Promise<void> {
  try {
    await port.set({ rts: high, dtr: true, brk: false, cts: false, dsr: false });
  } catch (error) {
    throw new UmecError("MODBUS_PORT", `${path}: RTS can't be switched: ${messageOf(error)}`, {
      cause: error,
      hint: "leave rts out if the kernel or the converter switches the RS-485 driver",
    });
  }
}

function use(port: Port, events: LineEvents, path: string, format: SerialFormat, rts?: RtsDirection): Line {
  const buffer = Buffer.allocUnsafe(readBufferBytes);
  const fd = port.fd!;
  let closing = false;

  function close(failure?: unknown): void {
    if (closing) return;
    closing = true;
    const error = failure === undefined ? undefined : asError(failure, path);
    // Without this the kernel would wait up to 30 s for characters that nobody takes.
    port
      .flush()
      .catch(() => {})
      .then(() => port.close())
      .then(
        () => events.closed(error),
        (also: unknown) => events.closed(error ?? asError(also, path)),
      );
  }

  function listen(): void {
    port.poller.once("readable", (error) => {
      if (closing) return;
      if (error) {
        close(error);
        return;
      }
      try {
        const count = readSync(fd, buffer);
        if (count === 0) {
          close(new Error("it hung up"));
          return;
        }
        events.data(buffer.subarray(0, count));
      } catch (error) {
        if (!isTryAgain(error)) {
          close(error);
          return;
        }
      }
      if (!closing) listen();
    });
  }

  async function send(bytes: Uint8Array): Promise<void> {
    if (!rts) return port.write(Buffer.from(bytes));
    const high = rts.sending !== "low";
    await setRts(port, path, high);
    if (rts.beforeMs) await delay(rts.beforeMs);
    const leftAtMs = performance.now() + bytes.length * characterMs(format);
    await port.write(Buffer.from(bytes));
    await port.drain();
    // Converters say so before it is true: no character leaves faster than the line's speed.
    const earlyMs = leftAtMs - performance.now() + (rts.afterMs ?? 0);
    if (earlyMs > 0) await delay(Math.ceil(earlyMs));
    await setRts(port, path, !high);
  }

  listen();
  return { write: (bytes) => void send(bytes).catch(close), close: () => close() };
}

function isTryAgain(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EAGAIN" || error.code === "EINTR");
}

function asError(failure: unknown, path: string): UmecError {
  if (failure instanceof UmecError) return failure;
  return new UmecError("MODBUS_PORT", `${path} is gone: ${messageOf(failure)}`, { cause: failure });
}
