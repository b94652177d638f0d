import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { ModbusSlave, type SimulatedUnit } from "../../../../drivers/modbus/simulator-rtu.ts";
import type { BeforeStart, DeviceAttachment } from "../types.ts";
import type { SerialHandle } from "./handle.ts";

export interface SerialPortOptions {
  /** @default "rs485" */
  id?: string;
  /** Slaves on the line by unit number. @default none; `slave.units` may be filled later */
  units?: Readonly<Record<number, SimulatedUnit>>;
}

export interface SerialPort extends DeviceAttachment, SerialHandle {}

/**
 * The board's free serial port with Modbus slaves behind it. We listen and QEMU connects, so the line is there from
 * the guest's first moment on, and again after each power cut. QEMU's line has no baud rate, parity or direction:
 * wrong settings of the guest can't be seen here.
 */
export function serialPort({ id = "rs485", units = {} }: SerialPortOptions = {}): SerialPort {
  const slave = new ModbusSlave(units);
  const lines = new Set<Socket>();
  let server: Server | undefined;
  const socketPath = (dir: string): string => join(dir, `${id}.sock`);

  const port: SerialPort = {
    id,
    name: id,
    slave,
    qemuArgs: (_machine, dir) => ["-chardev", `socket,id=${id},path=${socketPath(dir)}`],
    serialArg: () => `chardev:${id}`,
    async beforeStart({ dir, signal }: BeforeStart) {
      signal.throwIfAborted();
      if (server) return;
      await rm(socketPath(dir), { force: true });
      server = createServer((line) => {
        lines.add(line);
        line.on("close", () => lines.delete(line));
        // An answer may meet a QEMU that was just killed (EPIPE); the line closes then.
        line.on("error", () => {});
        slave.serve(line);
      });
      server.listen(socketPath(dir));
      await once(server, "listening");
    },
    async stop() {
      if (!server) return;
      const closed = once(server, "close");
      server.close();
      for (const line of lines) line.destroy();
      await closed;
      server = undefined;
    },
    handles: {
      get serial(): ReadonlyMap<string, SerialHandle> {
        return new Map([[id, port]]);
      },
    },
  };
  return port;
}
