/**
 * The server that webhooks are posted to.
 *
 * Bounds: `mostAtOnce` requests are worked on, one more is answered 503; `mostConnections` are open; a request has to
 * come within `bodyTimeoutMs`, head and body. What nobody asks costs nothing: there is no timer of ours.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Host, messageOf } from "../../runtime/plugin/sdk.ts";
import { HttpError } from "./http-error.ts";
import { createNotices } from "./notices.ts";
import type { ListenOptions, WebhookOptions } from "./options.ts";
import { problemDetails } from "./problem-details.ts";
import { type Posted, type Reply, receive } from "./webhook.ts";

export const mostAtOnce = 16;
const mostConnections = 64;
const bodyTimeoutMs = 10_000;

export interface WebhookServer extends AsyncDisposable {
  /** `http://127.0.0.1:8090`. */
  readonly url: string;
}

/** Resolves when it listens. Rejects with `HTTP_LISTEN`. When `signal` aborts, what is under way is answered 503. */
export async function startWebhooks(
  webhooks: Readonly<Record<string, WebhookOptions>>,
  { address, port }: ListenOptions,
  host: Pick<Host, "emit" | "log" | "secrets">,
  signal: AbortSignal,
): Promise<WebhookServer> {
  const notices = createNotices(host.log);
  const byPath = new Map(
    Object.entries(webhooks).map(([name, options]) => [options.path ?? `/${name}`, name]),
  );
  const running = new Set<Promise<unknown>>();

  async function answer(request: IncomingMessage): Promise<Reply> {
    const name = byPath.get(request.url?.split("?")[0] ?? "");
    if (name === undefined) return { status: 404, title: "no such webhook" };
    if (running.size >= mostAtOnce)
      return { status: 503, title: "too many requests are under way", headers: { "retry-after": "1" } };
    const received = receive(name, webhooks[name]!, postedBy(request, signal), host, notices, signal);
    running.add(received);
    try {
      return await received;
    } catch {
      return { status: 503, title: "the plugin is stopped", headers: { "retry-after": "30" } };
    } finally {
      running.delete(received);
    }
  }

  const server = createServer(
    {
      requestTimeout: bodyTimeoutMs,
      headersTimeout: bodyTimeoutMs,
      connectionsCheckingInterval: bodyTimeoutMs,
    },
    (request, response) => {
      request.on("error", () => {});
      void answer(request).then((reply) => send(request, response, reply));
    },
  );
  server.maxConnections = mostConnections;
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject).listen(port, address, listening.resolve);
  await listening.promise.catch((error: unknown) => {
    throw new HttpError(
      "HTTP_LISTEN",
      `webhooks can't listen on ${address} port ${port}: ${messageOf(error)}`,
      {
        hint: "does another program have the port, and does this machine have the address?",
      },
    );
  });
  const { port: used, family } = server.address() as AddressInfo;
  const url = `http://${family === "IPv6" ? `[${address}]` : address}:${used}`;
  host.log.info(`webhooks are taken at ${url}`);
  return {
    url,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      await Promise.allSettled(running);
      // The answers are on their way by then.
      setImmediate(() => server.closeAllConnections());
      await closed;
    },
  };
}

function postedBy(request: IncomingMessage, signal: AbortSignal): Posted {
  return {
    method: request.method ?? "",
    headers: request.headers,
    async read(maxBytes) {
      const tooLarge = () => new HttpError("HTTP_TOO_LARGE", `the body is longer than ${maxBytes} bytes`);
      if (Number(request.headers["content-length"]) > maxBytes) throw tooLarge();
      const chunks: Buffer[] = [];
      let size = 0;
      // Who is still sending when the plugin stops is cut off.
      const cut = (): void => void request.destroy();
      signal.addEventListener("abort", cut, { once: true });
      try {
        for await (const chunk of request.iterator({ destroyOnReturn: false })) {
          size += (chunk as Buffer).length;
          if (size > maxBytes) throw tooLarge();
          chunks.push(chunk as Buffer);
        }
      } catch (error) {
        if (error instanceof HttpError) throw error;
        throw new HttpError("HTTP_TIMEOUT", "the body did not come");
      } finally {
        signal.removeEventListener("abort", cut);
      }
      return Buffer.concat(chunks);
    },
  };
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const { status, headers = {}, title, detail } = reply;
  // A body that was not read would be taken for the next request.
  if (!request.complete) response.setHeader("connection", "close");
  response.writeHead(status, {
    ...headers,
    ...(title !== undefined && { "content-type": "application/problem+json" }),
  });
  response.end(title === undefined ? undefined : problemDetails(status, title, detail));
}
