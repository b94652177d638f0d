import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { BeforeStart, DeviceAttachment } from "../types.ts";

/** What a line's attachment is made of; its `serialArg` says that the free serial port is wanted. */
export type LineServer = Pick<DeviceAttachment, "id" | "qemuArgs" | "beforeStart" | "stop"> & {
  serialArg(): string;
  /** Where it listens. */
  socketPath(dir: string): string;
  /** Ends the lines that are open; a QEMU may connect anew. */
  cut(): void;
};

/**
 * The outer end of the board's free serial port. We listen and QEMU connects, so the line is there from the guest's
 * first moment on, and again after each power cut. QEMU's line has no baud rate, parity or direction: wrong settings
 * of the guest can't be seen here.
 *
 * @param onLine called with the line of each QEMU that connects
 */
export function lineServer(id: string, onLine: (line: Socket) => void): LineServer {
  const lines = new Set<Socket>();
  let server: Server | undefined;
  const socketPath = (dir: string): string => join(dir, `${id}.sock`);
  const cut = (): void => {
    for (const line of lines) line.destroy();
  };
  return {
    id,
    qemuArgs: (_machine, dir) => ["-chardev", `socket,id=${id},path=${socketPath(dir)}`],
    serialArg: () => `chardev:${id}`,
    socketPath,
    cut,
    async beforeStart({ dir, signal }: BeforeStart) {
      signal.throwIfAborted();
      if (server) return;
      await rm(socketPath(dir), { force: true });
      server = createServer((line) => {
        lines.add(line);
        line.on("close", () => lines.delete(line));
        // An answer may meet a QEMU that was just killed (EPIPE); the line closes then.
        line.on("error", () => {});
        onLine(line);
      });
      server.listen(socketPath(dir));
      await once(server, "listening");
    },
    async stop() {
      if (!server) return;
      const closed = once(server, "close");
      server.close();
      cut();
      await closed;
      server = undefined;
    },
  };
}
