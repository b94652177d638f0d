import { chmod, rename, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { join, relative } from "node:path";
import { isUmecError, messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type DeskParts, handleDeskRequest } from "./desk-requests.ts";
import { Trail } from "./trail.ts";

/** A thousand tokens with targets. */
const mostBodyBytes = 64 * 2 ** 20;
/** `sun_path` of unix(7), with its end. */
const longestPath = 107;

/**
 * Where the hub in `dir` takes requests of the operator: a Unix socket that only the hub's user can open. By a relative path
 * where that is shorter, as the kernel takes 107 bytes.
 */
export function hubSocket(dir: string): string {
  const path = join(dir, "control.sock");
  const near = relative(process.cwd(), path);
  return near.length < path.length ? near : path;
}

/**
 * Serves {@link handleDeskRequest} over HTTP on the hub's control socket: 200 and JSON, else 422 and `{ error: { code, text,
 * hint } }`. It appears under its name when it takes connections, and replaces one that a killed process left. In a directory
 * with too long a path there is none, and the log says so.
 */
export async function serveHubControl(
  dir: string,
  given: Omit<DeskParts, "trail">,
  log: Log,
): Promise<AsyncDisposable> {
  const path = hubSocket(dir);
  const draft = `${path}.new`;
  if (Buffer.byteLength(draft) > longestPath) {
    log.warn("no control socket: its path would be too long; stop the hub to make tokens", { path });
    return { [Symbol.asyncDispose]: async () => {} };
  }
  await rm(draft, { force: true });
  const trail = await Trail.open(dir);
  const parts: DeskParts = { ...given, trail };
  const server = createServer((request, response) => {
    const answer = (code: number, body: unknown): void => {
      response.writeHead(code, { "content-type": "application/json" });
      response.end(`${JSON.stringify(body)}\n`);
    };
    bodyOf(request)
      .then((body) => handleDeskRequest(parts, request.url ?? "", body))
      .then(
        (body) => answer(200, body),
        (error: unknown) => {
          if (!isUmecError(error)) log.error("a request on the control socket failed", { error });
          answer(422, { error: refusalOf(error) });
        },
      );
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(draft, resolve);
  await promise;
  await chmod(draft, 0o600);
  await rename(draft, path);
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
      await rm(path, { force: true });
      await trail[Symbol.asyncDispose]();
    },
  };
}

function refusalOf(error: unknown): { code: string; text: string; hint?: string } {
  if (!isUmecError(error)) return { code: "HUB_FAILED", text: messageOf(error) };
  return { code: error.code, text: error.message, ...(error.hint !== undefined && { hint: error.hint }) };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += (part as Buffer).length;
    if (bytes > mostBodyBytes)
      throw new UmecError("HUB_REQUEST_INVALID", `the request has more than ${mostBodyBytes} bytes`);
    parts.push(part as Buffer);
  }
  if (bytes === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch (cause) {
    throw new UmecError("HUB_REQUEST_INVALID", "the request is no JSON", { cause });
  }
}
