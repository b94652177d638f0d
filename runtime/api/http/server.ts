/**
 * The server of all APIs: HTTP/1.1 over TLS, routes as data.
 *
 * What a client can cost is bounded, whatever it does: connections altogether and from one address, the time for a
 * handshake and for a request to arrive, header and body bytes, requests a second, and how long an answer may lie
 * untaken. Every refusal is `application/problem+json` (RFC 9457). A defect of ours is 500 without internals, and one
 * line in the log.
 *
 * Nothing here is on disk. A stop ends streams at once and gives other answers 2 s; connections then close.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { messageOf, UmecError } from "../../errors.ts";
import { createApp } from "./app.ts";
import { certificateName } from "./client-certificate.ts";
import { answerClientError, uriTooLong } from "./client-error.ts";
import { limitConnections } from "./connections.ts";
import { documentFamily } from "./documents.ts";
import type { Exchange } from "./exchange.ts";
import { graceMs, headerBytes, keepAliveMs, stallMs, urlBytes, wholeLimits } from "./limits.ts";
import { badRequest } from "./problem.ts";
import { createRateLimit } from "./rate-limit.ts";
import { problemReply, sendProblem } from "./reply.ts";
import { cutOffStalled } from "./stalled.ts";
import type { ApiServer, ApiServerOptions } from "./types.ts";
import { createJudges } from "./validate.ts";

/** @throws UmecError `API_LISTEN` when the address can't be had, `API_TLS` when key and certificate can't be used */
export async function serveApi(options: ApiServerOptions): Promise<ApiServer> {
  const { host, port, families, authenticate, log } = options;
  const limits = wholeLimits(options.limits);
  const underWay = new Set<Exchange>();
  let tls = options.tls;
  let stopping = false;

  const tools = {
    authenticate,
    know: (exchange: Exchange, name: string) => connections.know(exchange.incoming.socket, name),
    certificateName: ({ incoming }: Exchange) =>
      tls?.clientCa === undefined ? undefined : certificateName(incoming.socket),
    judgeOf: createJudges(),
    principals: createRateLimit(limits.requestsPerS),
    addresses: createRateLimit(limits.requestsPerS),
    failures: createRateLimit(limits.requestsPerS / 5),
    bodyBytes: limits.bodyBytes,
    log,
  };
  const app = createApp([...families, documentFamily(families)], tools, underWay);
  const listener = getRequestListener(app.fetch, {
    hostname: "localhost",
    errorHandler: () => problemReply(badRequest("the host or the target of the request can't be read"), "/"),
  });

  function onRequest(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (stopping) {
      outgoing.shouldKeepAlive = false;
      outgoing.once("close", () => server.closeIdleConnections());
    }
    if ((incoming.url?.length ?? 0) > urlBytes) sendProblem(outgoing, uriTooLong(), "/");
    else void listener(incoming, outgoing);
  }

  const server = createHttpServer(tls, limits.requestMs, onRequest);
  server.maxConnections = limits.connections;
  const connections = limitConnections(server, {
    strangers: limits.strangers,
    ofOne: limits.connectionsOfOne,
  });
  server.keepAliveTimeout = keepAliveMs;
  server.maxHeadersCount = 100;
  cutOffStalled(server, underWay, stallMs);
  server.on("clientError", (error, socket) => {
    const begun = [...underWay].some(
      ({ incoming, outgoing }) => incoming.socket === socket && outgoing.headersSent,
    );
    if (begun) socket.destroy();
    else answerClientError(error, socket);
  });
  await listen(server, host, port);

  return {
    url: urlOf(server, tls !== undefined),
    setTls(next) {
      if (tls === undefined) throw new UmecError("API_TLS", "this server was started in the clear");
      try {
        (server as TlsServer).setSecureContext(secureContext(next));
      } catch (cause) {
        throw unusableTls(cause);
      }
      tls = next;
    },
    async stop() {
      stopping = true;
      const reason = new Error("the API stops");
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const exchange of underWay) {
        if (exchange.streaming) exchange.abort(reason);
        exchange.outgoing.shouldKeepAlive = false;
        exchange.outgoing.once("close", () => server.closeIdleConnections());
      }
      const late = setTimeout(() => {
        for (const exchange of underWay) exchange.abort(reason);
        server.closeAllConnections();
      }, graceMs);
      await closed;
      clearTimeout(late);
    },
  };
}

function createHttpServer(
  tls: ApiServerOptions["tls"],
  requestMs: number,
  onRequest: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
): Server {
  const timing = {
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: Math.min(1000, requestMs),
    maxHeaderSize: headerBytes,
    requireHostHeader: true,
  };
  if (!tls) return createServer(timing, onRequest);
  try {
    const secure = { ...secureContext(tls), handshakeTimeout: requestMs, ALPNProtocols: ["http/1.1"] };
    // Whether a certificate of the client holds is asked for each request: then the refusal can say so.
    const clients = { requestCert: tls.clientCa !== undefined, rejectUnauthorized: false };
    return createTlsServer({ ...timing, ...secure, ...clients }, onRequest);
  } catch (cause) {
    throw unusableTls(cause);
  }
}

function secureContext({ key, cert, clientCa }: NonNullable<ApiServerOptions["tls"]>): ServerOptions {
  const context: ServerOptions = { key, cert, minVersion: "TLSv1.2" };
  if (clientCa === undefined) return context;
  // A session that another CA vouched for is not resumed.
  const sessionIdContext = createHash("sha256").update(clientCa).digest("hex").slice(0, 32);
  return { ...context, ca: clientCa, sessionIdContext };
}

function unusableTls(cause: unknown): UmecError {
  return new UmecError("API_TLS", `the API's key and certificate can't be used: ${messageOf(cause)}`, {
    cause,
  });
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new UmecError("API_LISTEN", `the API can't listen at ${host}:${port}: ${messageOf(cause)}`, {
      cause,
    });
  }
  server.off("error", reject);
}

function urlOf(server: Server, secure: boolean): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `${secure ? "https" : "http"}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
