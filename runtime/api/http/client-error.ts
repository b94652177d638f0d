import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { urlBytes } from "./limits.ts";
import { Problem } from "./problem.ts";
import { problemBody } from "./reply.ts";

/** Answers what never became a request, and closes its connection. */
export function answerClientError(
  error: NodeJS.ErrnoException & { rawPacket?: Buffer },
  socket: Duplex,
): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const problem = problemOf(error);
  const body = problemBody(problem, "/");
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function problemOf({ code, rawPacket }: NodeJS.ErrnoException & { rawPacket?: Buffer }): Problem {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new Problem(408, "API_REQUEST_TIMEOUT", "the request did not arrive in time");
  if (code === "HPE_HEADER_OVERFLOW") {
    // Where the first line has no end, it is what was too long.
    const end = rawPacket?.indexOf("\r\n") ?? 0;
    if (end === -1 || end > urlBytes) return uriTooLong();
    return new Problem(431, "API_HEADERS_TOO_LARGE", "the headers are too large");
  }
  return new Problem(400, "API_BAD_REQUEST", "this is no request of HTTP/1.1");
}

export function uriTooLong(): Problem {
  return new Problem(414, "API_URI_TOO_LONG", "the URI is too long");
}
