/**
 * The real line: a serial port of Linux, set up by the package `serialport`, which is loaded only here and only when
 * the first port is opened.
 *
 * It is read by us: the package's own reading takes the end that a vanished USB converter leaves behind (reads that
 * give nothing) for a reason to read again, for ever. The kernel's lock (`TIOCEXCL`) keeps other programs away, but
 * for root's.
 */
import { readSync } from "node:fs";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { portError } from "./errors.ts";
import type { Line, LineEvents, LineSettings, OpenLine } from "./line.ts";

/** As much of `serialport`'s binding as is used. */
interface Port {
  fd: number | null;
  poller: { once(event: "readable", callback: (error: Error | null) => void): unknown };
  write(bytes: Buffer): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** More than a kernel hands over at once. */
const readBufferBytes = 4096;

/** Rejects with `SERIAL_PORT` when the port can't be opened or set up. */
export function serialPort(settings: LineSettings): OpenLine {
  return async (events, signal) => {
    signal.throwIfAborted();
    const port = await openPort(settings);
    try {
      signal.throwIfAborted();
      // What came before us would be half a frame, of an unknown time.
      await port.flush();
    } catch (error) {
      await port.close().catch(() => {});
      throw error;
    }
    return use(port, events, settings.path);
  };
}

async function openPort({ path, baudRate, dataBits, parity, stopBits, flow }: LineSettings): Promise<Port> {
  // In a bundle a package in CommonJS has no names but this.
  const { SerialPort } = (await import("serialport")).default;
  try {
    const xon = flow === "xon-xoff";
    const options = { path, baudRate, dataBits, parity, stopBits, lock: true };
    const port: unknown = await SerialPort.binding.open({
      ...options,
      rtscts: flow === "rts-cts",
      xon,
      xoff: xon,
    });
    if (!(port as Port).poller) throw new Error("serial lines need Linux or macOS");
    return port as Port;
  } catch (error) {
    const hint = "is it plugged in, is the user in the group dialout, and does no other program use it?";
    throw portError(`${path} can't be opened`, error, hint);
  }
}

function use(port: Port, events: LineEvents, path: string): Line {
  const buffer = Buffer.allocUnsafe(readBufferBytes);
  const fd = port.fd!;
  let closing = false;

  function close(failure?: unknown): void {
    if (closing) return;
    closing = true;
    const error = failure === undefined ? undefined : goneError(failure, path);
    // Without this the kernel would wait up to 30 s for characters that nobody takes.
    port
      .flush()
      .catch(() => {})
      .then(() => port.close())
      .then(
        () => events.closed(error),
        (also: unknown) => events.closed(error ?? goneError(also, path)),
      );
  }

  /** Gives whether there may be more. */
  function read(): boolean {
    try {
      const count = readSync(fd, buffer);
      if (count === 0) throw new Error("it hung up");
      events.data(buffer.subarray(0, count));
    } catch (error) {
      if (isTryAgain(error)) return true;
      close(error);
    }
    return !closing;
  }

  function listen(): void {
    port.poller.once("readable", (error) => {
      if (closing) return;
      if (error) close(error);
      else if (read()) listen();
    });
  }

  listen();
  return {
    async write(bytes) {
      try {
        await port.write(Buffer.from(bytes));
      } catch (error) {
        close(error);
        throw goneError(error, path);
      }
    },
    close: () => close(),
  };
}

function isTryAgain(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EAGAIN" || error.code === "EINTR");
}

function goneError(failure: unknown, path: string): Error {
  return isUmecError(failure) ? failure : portError(`${path} is gone`, failure);
}
