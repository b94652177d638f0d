import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { I2cBus, Request } from "./bus.ts";

/** number u32, kind u8, last u8, address u16, length u32; then the bytes of a write. All little endian. */
const requestHead = 12;
/** number u32, acknowledged u8, length u32; then the bytes that were read. */
const answerHead = 9;

/**
 * Offers a bus on a unix socket to `vhost-user-i2c.py`, whose head describes the bytes. Requests are served in their
 * order; an answer that comes when the other side is gone is dropped.
 */
export async function serveBus(bus: I2cBus, path: string): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    const decode = createDecoder((number, request) => {
      void bus.transfer(request).then((bytes) => {
        if (socket.writable) socket.write(encodeAnswer(number, bytes));
      });
    });
    socket.on("data", decode);
  });
  server.listen(path);
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Cuts a stream of bytes into requests. */
function createDecoder(onRequest: (number: number, request: Request) => void): (chunk: Buffer) => void {
  let waiting: Buffer = Buffer.alloc(0);
  return (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= requestHead) {
      const kind = waiting[4] === 1 ? "read" : "write";
      const length = waiting.readUInt32LE(8);
      const total = requestHead + (kind === "write" ? length : 0);
      if (waiting.length < total) return;
      const place = { address: waiting.readUInt16LE(6), stop: waiting[5] === 1 };
      const bytes = Uint8Array.from(waiting.subarray(requestHead, total));
      const number = waiting.readUInt32LE(0);
      waiting = waiting.subarray(total);
      onRequest(number, kind === "read" ? { ...place, kind, length } : { ...place, kind, bytes });
    }
  };
}

function encodeAnswer(number: number, bytes: Uint8Array | undefined): Buffer {
  const head = Buffer.alloc(answerHead);
  head.writeUInt32LE(number, 0);
  head[4] = bytes ? 1 : 0;
  head.writeUInt32LE(bytes?.length ?? 0, 5);
  return Buffer.concat([head, bytes ?? new Uint8Array()]);
}
