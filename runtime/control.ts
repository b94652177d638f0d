import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { maxTtlMs } from "./command-wire.ts";
import { nameProblem, refusalFor } from "./emit-wire.ts";
import { UmecError } from "./errors.ts";
import type { NodeStatus } from "./status.ts";
import { nameSyntax } from "./subjects.ts";

/** A command that a user of this machine sends to a plugin of the node. */
export interface LocalCommand {
  plugin: string;
  /** Path below the plugin. */
  point: string;
  /** Left out: none. */
  value?: unknown;
  ttlMs: number;
  by: string;
}

export interface ControlOptions {
  status(): Promise<NodeStatus>;
  /** Resolves with what the driver returned: a JSON value, bytes, or `undefined`. */
  command(command: LocalCommand): Promise<unknown>;
}

const maxBodyBytes = 1024 * 1024;

/**
 * The control socket: HTTP on a Unix socket that only the node's user can open, so no port is needed to ask a
 * node how it is. It appears under its name when it takes connections, and replaces one that a killed process left.
 *
 * | request | answer |
 * |---|---|
 * | `GET /status` | a {@link NodeStatus} |
 * | `POST /command`, a {@link LocalCommand} | 200 and the reply: JSON, or `application/octet-stream`, or 204 for none; else 422 and `{ error: { code, text, hint } }` |
 */
export async function serveControl(
  path: string,
  { status, command }: ControlOptions,
): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const server = createServer((request, response) => {
    const answer = (code: number, body: unknown): void => {
      response.writeHead(code, { "content-type": "application/json" });
      response.end(`${JSON.stringify(body)}\n`);
    };
    if (request.method === "POST" && request.url === "/command") {
      void answerCommand(request, response, command);
      return;
    }
    if (request.method !== "GET" || request.url !== "/status") {
      answer(404, { error: "there are GET /status and POST /command" });
      return;
    }
    status().then(
      (body) => answer(200, body),
      (error: unknown) => answer(500, { error: String(error) }),
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
    },
  };
}

async function answerCommand(
  request: IncomingMessage,
  response: ServerResponse,
  command: ControlOptions["command"],
): Promise<void> {
  const answer = (code: number, type?: string, body?: string | Uint8Array): void => {
    response.writeHead(code, type === undefined ? {} : { "content-type": type });
    response.end(body);
  };
  try {
    const reply = await command(commandIn(await bodyOf(request)));
    if (reply === undefined) answer(204);
    else if (reply instanceof Uint8Array) answer(200, "application/octet-stream", reply);
    else answer(200, "application/json", `${JSON.stringify(reply)}\n`);
  } catch (error) {
    const body = { error: refusalFor(error, "COMMAND_FAILED") };
    answer(422, "application/json", `${JSON.stringify(body)}\n`);
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += (part as Buffer).length;
    if (bytes > maxBodyBytes) throw invalid(`the request has more than ${maxBodyBytes} bytes`);
    parts.push(part as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw invalid("the request is no JSON");
  }
}

function commandIn(body: unknown): LocalCommand {
  const { plugin, point, value, ttlMs, by } = (body ?? {}) as Record<string, unknown>;
  if (typeof plugin !== "string" || !nameSyntax.test(plugin)) throw invalid("plugin is no name of a plugin");
  const problem = nameProblem(point);
  if (problem !== undefined) throw invalid(`point is no name of a point: ${problem}`);
  if (typeof ttlMs !== "number" || !(ttlMs >= 1 && ttlMs <= maxTtlMs))
    throw invalid("ttlMs is no time to live");
  if (typeof by !== "string") throw invalid("by is no text");
  return { plugin, point: point as string, value, ttlMs, by };
}

function invalid(reason: string): UmecError {
  return new UmecError("COMMAND_INVALID", reason);
}
