/**
 * HTTP to one camera: every connection goes to the configured host, every answer is bounded in time and size.
 *
 * Of node:http and not of fetch, since a link-local IPv6 address has a zone, and a pinned certificate must be checked
 * before the first byte is sent.
 */
import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import https from "node:https";
import { isUmecError, UmecError } from "../../runtime/plugin/sdk.ts";
import { secureAgent, type Trust } from "./trust.ts";

export interface HttpRequest {
  url: URL;
  method: "GET" | "POST";
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
  /** Most bytes of the answer's body. */
  maxBytes: number;
  /** For the whole answer. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface HttpClient {
  /**
   * Rejects with `ONVIF_UNREACHABLE`, `ONVIF_TIMEOUT`, `ONVIF_TOO_LARGE`, `ONVIF_INTERRUPTED`, `ONVIF_CERTIFICATE`, or
   * the reason of the signal.
   */
  send(request: HttpRequest): Promise<HttpAnswer>;
  close(): void;
}

export function createHttpClient({ host, trust }: { host: string; trust?: Trust | undefined }): HttpClient {
  const plain = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const secure = secureAgent(trust ?? {});

  function once(request: HttpRequest): Promise<HttpAnswer> {
    const { url, method, headers, body, maxBytes, timeoutMs, signal } = request;
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    const limit = AbortSignal.timeout(timeoutMs);
    const both = AbortSignal.any([signal, limit]);
    const isSecure = url.protocol === "https:";
    const sent = (isSecure ? https : http).request({
      agent: isSecure ? secure : plain,
      host,
      // A name is what the certificate is checked against; an address has no SNI (RFC 6066 section 3).
      port: url.port || (isSecure ? 443 : 80),
      path: `${url.pathname}${url.search}`,
      method,
      headers: {
        host: url.host,
        "accept-encoding": "identity",
        ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
        ...headers,
      },
      signal: both,
    });
    let answered = false;
    const errorOf = (cause: unknown): unknown => {
      if (signal.aborted) return signal.reason;
      if (limit.aborted) {
        return new UmecError("ONVIF_TIMEOUT", `${shown(url)}: no whole answer within ${timeoutMs} ms`);
      }
      if (isUmecError(cause)) return cause;
      const { code = String(cause) } = cause as NodeJS.ErrnoException;
      // A connection that was kept may be closed by the camera at the moment at which it is used again.
      if (!answered && sent.reusedSocket && code === "ECONNRESET") return retry;
      return answered ? interrupted(url, code, cause) : notReached(url, code, cause);
    };
    const fail = (cause: unknown): void => reject(errorOf(cause));
    sent.on("error", fail);
    sent.on("response", (response) => {
      answered = true;
      read(response, maxBytes, shown(url)).then(
        (bytes) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes }),
        fail,
      );
    });
    sent.end(body);
    return promise;
  }

  return {
    async send(request) {
      request.signal.throwIfAborted();
      for (let left = 4; ; left--) {
        try {
          return await once(request);
        } catch (error) {
          // At most maxSockets kept connections can be dead.
          if (error !== retry || left === 0) throw error === retry ? unreachable(request.url) : error;
        }
      }
    },
    close() {
      plain.destroy();
      secure.destroy();
    },
  };
}

const retry = new Error("the kept connection was closed");

function unreachable(url: URL): UmecError {
  return new UmecError("ONVIF_UNREACHABLE", `${shown(url)} closes each connection`);
}

function interrupted(url: URL, code: string, cause: unknown): UmecError {
  return new UmecError("ONVIF_INTERRUPTED", `${shown(url)}: the answer broke off (${code})`, { cause });
}

function notReached(url: URL, code: string, cause: unknown): UmecError {
  if (/^ERR_TLS|CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    const hint = "give tls.ca, or pin the camera's certificate with tls.fingerprint";
    const text = `${shown(url)}: the certificate is not trusted (${code})`;
    return new UmecError("ONVIF_CERTIFICATE", text, { cause, hint });
  }
  // The parser's codes: what answers is no HTTP server.
  if (code.startsWith("HPE_")) {
    return new UmecError("ONVIF_INTERRUPTED", `${shown(url)}: the answer is no HTTP (${code})`, { cause });
  }
  return new UmecError("ONVIF_UNREACHABLE", `${shown(url)} can't be reached (${code})`, { cause });
}

/** A URL without its query: some cameras want a password there. */
export function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

async function read(response: IncomingMessage, maxBytes: number, title: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        throw new UmecError("ONVIF_TOO_LARGE", `${title}: the answer has more than ${maxBytes} bytes`);
      }
      chunks.push(chunk);
    }
  } finally {
    response.destroy();
  }
  return Buffer.concat(chunks);
}
