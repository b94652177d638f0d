import { request } from "node:http";
import { text } from "node:stream/consumers";
import { messageOf, UmecError } from "../errors.ts";

export interface AskOptions {
  /** @default 5000 */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/**
 * Asks a running node on its control socket: HTTP on a Unix domain socket, JSON back.
 *
 * @throws UmecError `NODE_NOT_RUNNING` when nobody listens, `NODE_NO_ANSWER`, `NODE_FORBIDDEN`, or
 *   `NODE_ANSWER_INVALID` with what was wrong with the answer
 */
export async function askNode(socketPath: string, path: string, options: AskOptions = {}): Promise<unknown> {
  const { timeoutMs = 5000, signal } = options;
  const late = AbortSignal.timeout(timeoutMs);
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const asked = request({
    socketPath,
    path,
    signal: signal ? AbortSignal.any([signal, late]) : late,
    headers: { host: "umec", accept: "application/json" },
  });
  asked.once("error", reject);
  asked.once("response", (response) => {
    text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
  });
  asked.end();
  const { status, body } = await promise.catch((error: NodeJS.ErrnoException) => {
    signal?.throwIfAborted();
    throw unanswered(error, socketPath, late.aborted, timeoutMs);
  });
  if (status !== 200) throw invalid(`HTTP status ${status}: ${body.slice(0, 200)}`);
  try {
    return JSON.parse(body);
  } catch (error) {
    throw invalid(messageOf(error));
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
