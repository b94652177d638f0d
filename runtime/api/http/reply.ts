import { type ServerResponse, STATUS_CODES } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { isUmecError } from "../../errors.ts";
import { isNotModified } from "./etag.ts";
import type { Exchange } from "./exchange.ts";
import { Problem } from "./problem.ts";
import type { ApiResponse } from "./route.ts";
import { sendStream } from "./send-stream.ts";

type Headers = Record<string, string>;

export interface ReplyOptions {
  /** Called when a stream failed that had begun; its client sees it break off. */
  onStreamError(error: unknown): void;
}

/** A handler's answer as one of HTTP. */
export function reply(answer: ApiResponse, exchange: Exchange, options: ReplyOptions): Response {
  const headers = withDefaults(answer.headers ?? {});
  const { body } = answer;
  const { method } = exchange.incoming;
  const isRead = method === "GET" || method === "HEAD";
  const { etag } = headers;
  const known = exchange.incoming.headers["if-none-match"];
  if (isRead && answer.status === 200 && etag !== undefined && isNotModified(known, etag)) {
    if (body instanceof ReadableStream) body.cancel().catch(() => {});
    delete headers["content-type"];
    return new Response(null, { status: 304, headers });
  }
  if (body === undefined) return new Response(null, { status: answer.status, headers });
  if (body instanceof ReadableStream) {
    if (method === "HEAD") {
      body.cancel().catch(() => {});
      return new Response(null, { status: answer.status, headers });
    }
    sendStream(body, answer.status, headers, exchange).catch(options.onStreamError);
    return RESPONSE_ALREADY_SENT;
  }
  if (body instanceof Uint8Array)
    return new Response(body as Uint8Array<ArrayBuffer>, { status: answer.status, headers });
  headers["content-type"] ??= "application/json";
  return new Response(JSON.stringify(body), { status: answer.status, headers });
}

/** The body of a refusal (RFC 9457). `code` and `hint` are members of our own (section 3.2). */
export function problemBody(problem: Problem, path: string): string {
  const { status, code, message, hint } = problem;
  const title = STATUS_CODES[status] ?? "Error";
  const instance = path.slice(0, 1000);
  return JSON.stringify({ type: "about:blank", title, status, detail: message, instance, code, hint });
}

export function problemHeaders(problem: Problem): Headers {
  const headers = { ...withDefaults(problem.headers), "content-type": "application/problem+json" };
  // RFC 9110 section 15.5.2.
  return problem.status === 401 ? { "www-authenticate": 'Bearer realm="umec"', ...headers } : headers;
}

export function problemReply(problem: Problem, path: string): Response {
  const headers = problemHeaders(problem);
  return new Response(problemBody(problem, path), { status: problem.status, headers });
}

/** Where there is no router yet, or no more. */
export function sendProblem(outgoing: ServerResponse, problem: Problem, path: string): void {
  const body = problemBody(problem, path);
  outgoing.writeHead(problem.status, {
    ...problemHeaders(problem),
    "content-length": Buffer.byteLength(body),
  });
  outgoing.end(body);
}

/** What anything that was thrown is answered with; `undefined` when it is a defect of ours, which nobody outside is told. */
export function knownProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  // The store is common to all parts, so its refusal is known here. It is the client who keeps too much, not the node that failed.
  if (isUmecError(error, "API_STORE_FULL"))
    return new Problem(403, error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
  return undefined;
}

/** What a header's value can't hold (RFC 9110 section 5.5), but for Latin-1. */
const unprintable = /[^\t\x20-\x7e\x80-\xff]/;

function withDefaults(given: Readonly<Record<string, string>>): Headers {
  const headers: Headers = {};
  for (const name in given) {
    const value = given[name]!;
    // Where it is written nobody could answer any more.
    if (unprintable.test(value))
      throw new TypeError(`header ${name} can't have the value ${JSON.stringify(value)}`);
    headers[name.toLowerCase()] = value;
  }
  headers["cache-control"] ??= headers.etag === undefined ? "no-store" : "private, no-cache";
  headers["x-content-type-options"] = "nosniff";
  return headers;
}
