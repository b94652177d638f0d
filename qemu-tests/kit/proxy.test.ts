import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { startProxy } from "./proxy.ts";

/** A server that hands each connection to `serve`. */
async function startServer(serve: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const echo = (socket: Socket) => void socket.pipe(socket);

function dial(port: number): Socket {
  return connect({ host: "127.0.0.1", port, allowHalfOpen: true }).on("error", () => undefined);
}

describe("the proxy", { timeout: 60_000 }, () => {
  it("carries every byte both ways and each side's end, also of a reader that is slow to begin", async () => {
    await using server = await startServer(echo);
    await using proxy = await startProxy(() => server);
    const socket = dial(proxy.port);
    const sent = Buffer.from(Array.from({ length: 5_000_000 }, (_, i) => (i * 31) & 255));
    socket.end(sent);
    assert.deepEqual(await buffer(socket), sent);
  });

  it("asks for each connection where the server is, so that it may come back elsewhere", async () => {
    await using one = await startServer((socket) => void socket.end("one"));
    await using two = await startServer((socket) => void socket.end("two"));
    let target = one;
    await using proxy = await startProxy(() => target);
    assert.equal(await text(dial(proxy.port)), "one");
    target = two;
    assert.equal(await text(dial(proxy.port)), "two");
  });

  it("delays what passes by the time that was set, and keeps its order", async () => {
    await using server = await startServer(echo);
    await using proxy = await startProxy(() => server);
    proxy.delay(150);
    const socket = dial(proxy.port);
    const beganMs = performance.now();
    socket.write("first ");
    proxy.delay(0);
    socket.end("second");
    assert.equal(await text(socket), "first second");
    proxy.delay(150);
    const again = dial(proxy.port);
    again.end("x");
    const againMs = performance.now();
    assert.equal(await text(again), "x");
    assert.ok(performance.now() - againMs >= 300, "each way takes 150 ms");
    assert.ok(performance.now() - beganMs >= 300);
  });

  it("does not read on from who sends when the other side takes nothing", async () => {
    await using server = await startServer((socket) => void socket.pause());
    await using proxy = await startProxy(() => server);
    const socket = dial(proxy.port);
    await once(socket, "connect");
    const chunk = Buffer.alloc(2 ** 20);
    let sent = 0;
    // The kernel's own buffers take some MiB on the way; without a bound all 64 would go.
    while (sent < 64 && socket.write(chunk)) sent++;
    for (; sent < 64; sent++) {
      const drained = await Promise.race([once(socket, "drain").then(() => true), quiet(socket)]);
      if (!drained) break;
      socket.write(chunk);
    }
    assert.ok(sent < 64, "64 MiB went into a proxy that nobody reads from");
    socket.destroy();
  });

  it("breaks all connections when it is told, and lets new ones in", async () => {
    await using server = await startServer(echo);
    await using proxy = await startProxy(() => server);
    const socket = dial(proxy.port);
    socket.write("x");
    await once(socket, "data");
    assert.equal(proxy.connections, 1);
    proxy.break();
    await closed(socket);
    const next = dial(proxy.port);
    next.end("y");
    assert.equal(await text(next), "y");
  });

  it("closes the connection when the server is not there", async () => {
    const server = await startServer(echo);
    await server[Symbol.asyncDispose]();
    await using proxy = await startProxy(() => server);
    const socket = dial(proxy.port);
    await closed(socket);
  });
});

/** A reset is an `error` before it is a `close`. */
function closed(socket: Socket): Promise<void> {
  return new Promise((done) => socket.once("close", () => done()));
}

/** Resolves with false when the socket's buffer stood still for half a second. */
async function quiet(socket: Socket): Promise<boolean> {
  for (let before = -1; before !== socket.bytesWritten - socket.writableLength; ) {
    before = socket.bytesWritten - socket.writableLength;
    await new Promise((done) => setTimeout(done, 500));
  }
  return false;
}
