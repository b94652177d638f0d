/** For tests: a receiver of notifications on loopback that does what each test wants. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface Receiver {
  url: string;
  /** Bodies, parsed, in the order in which they came; of tries that failed, too. */
  readonly bodies: unknown[];
  /** Resolves when `count` tries have come. */
  tries(count: number): Promise<void>;
}

/** @param answer to the nth try, counted from 0; the body was read. It may also not answer. @default 204 */
export async function startReceiver(
  context: TestContext,
  answer: (response: ServerResponse, nth: number, request: IncomingMessage) => void = ok,
  tls?: { key: string; cert: string },
): Promise<Receiver> {
  const bodies: unknown[] = [];
  let waiting: { count: number; resolve(): void }[] = [];
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const nth = bodies.push(JSON.parse(text)) - 1;
    answer(response, nth, request);
    for (const { count, resolve } of waiting) if (bodies.length >= count) resolve();
    waiting = waiting.filter(({ count }) => bodies.length < count);
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}/callback`,
    bodies,
    tries(count) {
      if (bodies.length >= count) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ count, resolve }));
    },
  };
}

export function ok(response: ServerResponse): void {
  response.writeHead(204).end();
}
