import { request } from "node:http";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { messageOf, UmecError } from "../errors.ts";
import { personHeader, personVariable } from "../people/types.ts";

export interface AskOptions {
  /** @default 5000 */
  timeoutMs?: number;
  /** Makes it a POST with this as JSON. @default a GET */
  body?: unknown;
  /** Makes it a POST with these bytes; of unknown length where `bytes` is left out. */
  content?: { stream: Readable; bytes?: number };
  signal?: AbortSignal;
}

/**
 * Asks a running node on its control socket: HTTP on a Unix domain socket. Gives the JSON, the bytes, or `undefined` of
 * the answer.
 *
 * @throws UmecError what the node refuses it with; `NODE_NOT_RUNNING` when nobody listens, `NODE_NO_ANSWER`, `NODE_FORBIDDEN`, or
 *   `NODE_ANSWER_INVALID` with what was wrong with the answer
 */
export async function askNode(socketPath: string, path: string, options: AskOptions = {}): Promise<unknown> {
  const { timeoutMs = 5000, body: sent, content, signal } = options;
  const late = AbortSignal.timeout(timeoutMs);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const asked = request({
    socketPath,
    path,
    method: sent === undefined && !content ? "GET" : "POST",
    signal: signal ? AbortSignal.any([signal, late]) : late,
    headers: {
      ...{ host: "umec", accept: "application/json", ...personHeaders() },
      ...(content?.bytes !== undefined && { "content-length": content.bytes }),
    },
  });
  asked.once("error", reject);
  asked.once("response", (response) => {
    const { statusCode: status = 0, headers } = response;
    buffer(response).then((body) => resolve({ status, type: headers["content-type"], body }), reject);
  });
  // A fault of the stream ends the request; a refusal may come before all of it was read.
  if (content) pipeline(content.stream, asked).catch((error: unknown) => asked.destroy(error as Error));
  else asked.end(sent === undefined ? undefined : JSON.stringify(sent));
  const { status, type, body } = await promise.catch((error: NodeJS.ErrnoException) => {
    signal?.throwIfAborted();
    throw unanswered(error, socketPath, late.aborted, timeoutMs);
  });
  // Of what was refused nobody reads the rest.
  if (content) asked.destroy();
  if (status === 204) return undefined;
  if (status === 422 || status === 403) throw refused(body.toString());
  if (status !== 200) throw invalid(`HTTP status ${status}: ${body.toString().slice(0, 200)}`);
  if (type === "application/octet-stream") return new Uint8Array(body);
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw invalid(messageOf(error));
  }
}

/** Who asks, in a session of a person who has logged in. */
export function personHeaders(): Record<string, string> {
  const person = process.env[personVariable];
  return person === undefined ? {} : { [personHeader]: person };
}

interface Answer {
  status: number;
  type: string | undefined;
  body: Buffer;
}

/** The error in the body of a refusal. */
export function refused(body: string): UmecError {
  try {
    const { code, text, hint } = JSON.parse(body).error as { code: string; text: string; hint?: string };
    return new UmecError(code, text, hint === undefined ? {} : { hint });
  } catch (error) {
    return invalid(messageOf(error));
  }
}

function unanswered(error: NodeJS.ErrnoException, socketPath: string, late: boolean, timeoutMs: number) {
  if (error.code === "ENOENT" || error.code === "ECONNREFUSED") {
    return new UmecError("NODE_NOT_RUNNING", `no node is running at ${socketPath}`, {
      cause: error,
      hint: "start it with `umec run`, or name its target file or its data directory (--data)",
    });
  }
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new UmecError("NODE_FORBIDDEN", `${socketPath} may not be opened by this user`, {
      cause: error,
      hint: "run this as the node's own user, or as root",
    });
  }
  const reason = late ? `no answer within ${timeoutMs} ms` : messageOf(error);
  return new UmecError("NODE_NO_ANSWER", `the node at ${socketPath} does not answer: ${reason}`, {
    cause: error,
    hint: "try again; if it stays so look into the node's log",
  });
}

function invalid(reason: string): UmecError {
  return new UmecError("NODE_ANSWER_INVALID", `the node's answer can't be used: ${reason}`, {
    hint: "is this umec of the same version as the node's?",
  });
}
