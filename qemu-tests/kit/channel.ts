import { createServer, type Server, type Socket } from "node:net";
import { UmecError } from "../../runtime/errors.ts";

/** `sun_path` holds 108 bytes with its final zero (unix(7)). */
const longestPath = 107;

/**
 * A unix socket that QEMU connects to. We listen before QEMU starts, so there is nothing to try again and again:
 * the connection is there or QEMU has ended.
 */
export interface Channel extends AsyncDisposable {
  readonly path: string;
  /** The first connection; nobody else is let in. */
  readonly connected: Promise<Socket>;
}

/** Listens at `path`. @throws UmecError `CHANNEL_PATH_TOO_LONG` */
export async function openChannel(path: string): Promise<Channel> {
  checkSocketPath(path);
  const connected = Promise.withResolvers<Socket>();
  connected.promise.catch(() => undefined);
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined);
    connected.resolve(socket);
    server.close();
  });
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(path, listening.resolve);
  await listening.promise;
  return {
    path,
    connected: connected.promise,
    async [Symbol.asyncDispose]() {
      connected.reject(new UmecError("CHANNEL_CLOSED", `${path} was closed before anybody connected`));
      if (server.listening) await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

/** @throws UmecError `CHANNEL_PATH_TOO_LONG` */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= longestPath) return;
  throw new UmecError(
    "CHANNEL_PATH_TOO_LONG",
    `a unix socket's path ends at ${longestPath} bytes, and ${path} has ${bytes}`,
    { hint: "set TMPDIR to a folder with a short path, such as /tmp" },
  );
}
