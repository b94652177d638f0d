/**
 * An NBD server on a unix socket ("The NBD protocol", doc/proto.md of the NBD project): it gives QEMU a disk whose
 * unflushed writes we hold, so that a power cut can take them.
 *
 * Requests are worked off one after the other in the order in which they came, so a flush covers all writes that were
 * sent before it. One client at a time: a second one waits until the first has gone. Requests that have arrived when
 * the client dies are still done; `idle` resolves behind the last of them.
 */
import { createServer, type Socket } from "node:net";
import { isUmecError } from "../../runtime/errors.ts";
import { ByteReader } from "./byte-reader.ts";
import { checkSocketPath } from "./channel.ts";
import { shakeHands } from "./nbd-handshake.ts";
import { command, commandFlags, errno, largestRequest, magic } from "./nbd-wire.ts";

/** What the server serves. */
export interface NbdDisk {
  readonly bytes: number;
  read(offset: number, length: number): Promise<Buffer>;
  write(offset: number, data: Uint8Array, options: { fua?: boolean }): Promise<void>;
  flush(): Promise<void>;
  trim(offset: number, length: number): void;
}

export interface NbdServer extends AsyncDisposable {
  readonly path: string;
  /** Resolves when no client is connected and all that they sent is done. */
  idle(): Promise<void>;
}

/** Serves `disk` at the socket `path`. */
export async function startNbdServer(disk: NbdDisk, path: string): Promise<NbdServer> {
  checkSocketPath(path);
  const sockets = new Set<Socket>();
  let work: Promise<void> = Promise.resolve();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    const from = new ByteReader(socket);
    work = work
      .then(() => serve(disk, socket, from))
      .finally(() => {
        sockets.delete(socket);
        socket.destroy();
      });
  });
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(path, listening.resolve);
  await listening.promise;
  return {
    path,
    async idle() {
      for (let seen: Promise<void> | undefined; seen !== work; ) {
        seen = work;
        await seen;
      }
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      for (const socket of sockets) socket.destroy();
      await closed;
      await work;
    },
  };
}

async function serve(disk: NbdDisk, socket: Socket, from: ByteReader): Promise<void> {
  if (!(await shakeHands(socket, from, disk.bytes))) return;
  for (;;) {
    const head = await from.take(28);
    if (!head || head.readUInt32BE(0) !== magic.request) return;
    const type = head.readUInt16BE(6);
    if (type === command.disconnect) return;
    const request = {
      flags: head.readUInt16BE(4),
      type,
      offset: Number(head.readBigUInt64BE(16)),
      length: head.readUInt32BE(24),
    };
    const sent = type === command.write;
    // A write that is too long can't be skipped without reading it, so the client is sent away.
    if (sent && request.length > largestRequest) return;
    const data = sent ? await from.take(request.length) : undefined;
    if (sent && !data) return;
    const answer = await act(disk, request, data);
    const reply = Buffer.alloc(16);
    reply.writeUInt32BE(magic.simpleReply, 0);
    reply.writeUInt32BE(typeof answer === "number" ? answer : 0, 4);
    head.copy(reply, 8, 8, 16);
    if (!socket.writable) continue;
    socket.cork();
    const open = socket.write(reply) && (typeof answer === "number" || socket.write(answer));
    socket.uncork();
    if (!open) await drained(socket);
  }
}

/** The bytes that were read, or the number of the error, 0 for none. */
async function act(
  disk: NbdDisk,
  { type, flags, offset, length }: { type: number; flags: number; offset: number; length: number },
  data: Buffer | undefined,
): Promise<Buffer | number> {
  try {
    switch (type) {
      case command.read:
        return length > largestRequest ? errno.invalid : await disk.read(offset, length);
      case command.write:
        await disk.write(offset, data ?? Buffer.alloc(0), { fua: (flags & commandFlags.fua) !== 0 });
        return 0;
      case command.flush:
        await disk.flush();
        return 0;
      case command.trim:
        disk.trim(offset, length);
        return 0;
      default:
        return errno.invalid;
    }
  } catch (error) {
    if (isUmecError(error, "BLOCKS_OUT_OF_RANGE"))
      return type === command.write ? errno.noSpace : errno.invalid;
    return errno.io;
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}
