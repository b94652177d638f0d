/** One try to deliver one notification: a POST whose every part is bounded. */
import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { UmecError } from "../../errors.ts";
import { type CallbackPolicy, checkCallback, guardedLookup } from "./callback.ts";

export interface PostOptions {
  callback: string;
  /** JSON text. */
  body: string;
  /** For all of it: name, connection, TLS, and the answer's head. */
  timeoutMs: number;
  /** PEM texts of CAs beside those that Node.js trusts. */
  ca?: readonly string[];
  policy?: CallbackPolicy;
  lookup: LookupFunction;
  signal: AbortSignal;
}

export interface PostAnswer {
  status: number;
  /** What the receiver asks to wait, `retry-after` in seconds (RFC 9110 section 10.2.3). */
  retryAfterMs?: number;
}

/** More of an answer's body than this is not waited for: only the status counts. */
const mostAnswerBytes = 16 * 1024;
const longestDrainMs = 500;

/**
 * Resolves with the answer's status, whichever it is; redirects are not followed.
 *
 * @throws UmecError `NOTIFY_CALLBACK_REFUSED`, `NOTIFY_TIMEOUT` or `NOTIFY_UNREACHABLE`; what `signal` says
 */
export async function post({
  callback,
  body,
  timeoutMs,
  ca,
  policy,
  lookup,
  signal,
}: PostOptions): Promise<PostAnswer> {
  const url = checkCallback(callback, policy);
  signal.throwIfAborted();
  const isTls = url.protocol === "https:";
  const bytes = Buffer.from(body);
  const options: RequestOptions & { ca?: string[] } = {
    method: "POST",
    // No connection is kept: a receiver that hangs must not be met again.
    agent: false,
    lookup: guardedLookup(lookup),
    headers: {
      "content-type": "application/json",
      "content-length": bytes.length,
      accept: "application/json, application/problem+json",
      connection: "close",
    },
  };
  if (isTls && ca && ca.length > 0) options.ca = await withDefaultCas(ca);
  return new Promise((resolve, reject) => {
    const request = (isTls ? httpsRequest : httpRequest)(url, options);
    const timer = setTimeout(() => fail(timedOut(callback, timeoutMs)), timeoutMs);
    const abort = () => fail(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    let drain: NodeJS.Timeout | undefined;
    function settle(): void {
      clearTimeout(timer);
      clearTimeout(drain);
      signal.removeEventListener("abort", abort);
      request.destroy();
    }
    function fail(error: unknown): void {
      settle();
      reject(error);
    }
    request.on("error", (cause: Error & { code?: string }) => {
      if (cause.code === "NOTIFY_CALLBACK_REFUSED") fail(cause);
      else fail(unreachable(callback, cause));
    });
    request.on("response", (response) => {
      const status = response.statusCode ?? 0;
      const answer: PostAnswer = { status };
      const retryAfter = Number(response.headers["retry-after"]);
      if (retryAfter > 0) answer.retryAfterMs = Math.min(retryAfter, 3_600) * 1_000;
      let read = 0;
      // The status says it all; the rest is read, a little of it, so that a well-behaved receiver sees no reset.
      const done = () => {
        settle();
        resolve(answer);
      };
      response.on("data", (chunk: Buffer) => {
        read += chunk.length;
        if (read > mostAnswerBytes) done();
      });
      response.on("end", done);
      response.on("error", done);
      response.on("close", done);
      drain = setTimeout(done, Math.min(timeoutMs, longestDrainMs));
    });
    request.end(bytes);
  });
}

async function withDefaultCas(ca: readonly string[]): Promise<string[]> {
  const { getCACertificates } = await import("node:tls");
  return [...getCACertificates("default"), ...ca];
}

function timedOut(callback: string, timeoutMs: number): UmecError {
  return new UmecError("NOTIFY_TIMEOUT", `${callback} did not answer within ${timeoutMs} ms`);
}

function unreachable(callback: string, cause: Error): UmecError {
  return new UmecError("NOTIFY_UNREACHABLE", `${callback}: ${cause.message}`, { cause });
}
