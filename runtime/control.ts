/**
 * Control sockets: HTTP on Unix sockets, so no port is needed to ask a node how it is. Each appears under its name
 * when it takes connections, and replaces one that a killed process left.
 *
 * The private one is for the node's own user and for root. In the image there is one more for each level of people,
 * which the kernel opens for the level's group alone: so the socket that a request comes from is its level. Who it is,
 * a session's forced command says in the header `umec-person` (people/authorized-keys.ts).
 *
 * | request | answer |
 * |---|---|
 * | `GET /status` | a {@link NodeStatus} |
 * | `POST /command`, a {@link LocalCommand} | the reply: JSON, `application/octet-stream`, or 204 for none |
 * | `GET /target` | `{ text }` of node.yaml |
 * | `POST /target`, `{ text }` | 204: it is node.yaml now, and the node follows |
 * | `POST /update/bundle`, the bundle's bytes | 204: it is on the node's disk |
 * | `POST /update`, `{ permit? }` | `{ id }`: that bundle is ordered |
 * | `POST /update/restart` | 204: the node restarts for what is installed |
 * | `POST /enrol/question` | `{ text }`, to be carried to the hub |
 * | `POST /enrol/answer`, `{ text }` | `{ node, expiresAtMs }`: the node is enrolled |
 * | `POST /reboot` | 204: the system is about to go down |
 * | `POST /session`, `{ command, from?, refused? }` | lines of JSON as long as the session lasts; `{ end }` asks it to end |
 *
 * What is refused is 422, or 403 where the person may not, with `{ error: { code, text, hint } }`.
 */
import { chmod, chown, mkdir, rename, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { bodyOf, commandIn, type LocalCommand, permitIn, sessionIn, textIn } from "./control-requests.ts";
import { refusalFor } from "./emit-wire.ts";
import type { NewSession, SessionConnection } from "./people/sessions.ts";
import { type Asker, type Level, personHeader } from "./people/types.ts";
import type { NodeStatus } from "./status.ts";

export type { LocalCommand } from "./control-requests.ts";

/** What the node does; each judges by `asker` whether it may. */
export interface ControlOptions {
  status(asker: Asker): Promise<NodeStatus>;
  /** Resolves with what the driver returned: a JSON value, bytes, or `undefined`. */
  command(command: LocalCommand, asker: Asker): Promise<unknown>;
  target(asker: Asker): Promise<string>;
  setTarget(text: string, asker: Asker): Promise<void>;
  /** Ends reading `content` where it is refused. */
  storeBundle(content: AsyncIterable<Uint8Array>, bytes: number | undefined, asker: Asker): Promise<void>;
  orderUpdate(permit: string | undefined, asker: Asker): Promise<unknown>;
  restartForUpdate(asker: Asker): Promise<void>;
  enrolQuestion(asker: Asker): Promise<string>;
  enrolAnswer(text: string, asker: Asker): Promise<unknown>;
  reboot(asker: Asker): Promise<void>;
  /** Resolves when the session has begun. */
  session(session: NewSession & { refused?: string }, connection: SessionConnection): Promise<void>;
}

export interface ControlPlace {
  path: string;
  /** @default the private socket */
  level?: Level;
  /** Group that may open it beside its owner. @default none */
  group?: number;
}

const mostConnections = 128;

export async function serveControl(
  { path, level, group }: ControlPlace,
  options: ControlOptions,
): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const server = createServer((request, response) => void answer(request, response, options, level));
  server.maxConnections = mostConnections;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(draft, resolve);
  await promise;
  if (group !== undefined) await chown(draft, -1, group);
  await chmod(draft, group === undefined ? 0o600 : 0o660);
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

/** Never rejects. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ControlOptions,
  level: Level | undefined,
): Promise<void> {
  const say = (code: number, type?: string, body?: string | Uint8Array): void => {
    response.writeHead(code, type === undefined ? {} : { "content-type": type });
    response.end(body);
  };
  const json = (code: number, body: unknown): void =>
    say(code, "application/json", `${JSON.stringify(body)}\n`);
  try {
    const asker = askerOf(request, level);
    if (request.method === "POST" && request.url === "/session") {
      await openSession(await bodyOf(request), asker, response, options);
      return;
    }
    const reply = await replyTo(request, asker, options);
    if (reply === notFound) json(404, { error: `there is no ${request.method} ${request.url}` });
    else if (reply === undefined) say(204);
    else if (reply instanceof Uint8Array) say(200, "application/octet-stream", reply);
    else json(200, reply);
  } catch (error) {
    const refusal = refusalFor(error, "COMMAND_FAILED");
    if (!response.headersSent) json(refusal.code.startsWith("PERSON_") ? 403 : 422, { error: refusal });
    else response.destroy();
  }
}

const notFound = Symbol();

async function replyTo(request: IncomingMessage, asker: Asker, options: ControlOptions): Promise<unknown> {
  switch (`${request.method} ${request.url}`) {
    case "GET /status":
      return options.status(asker);
    case "POST /command": {
      const command = commandIn(await bodyOf(request));
      // A session's person is known; all else is what the sender claims.
      if (asker.level === "node") return options.command(command, { ...asker, person: command.by });
      return options.command({ ...command, by: `${asker.person} (${asker.level})` }, asker);
    }
    case "GET /target":
      return { text: await options.target(asker) };
    case "POST /target":
      return options.setTarget(textIn(await bodyOf(request)), asker);
    case "POST /update/bundle": {
      const length = Number(request.headers["content-length"] ?? Number.NaN);
      return options.storeBundle(request, Number.isSafeInteger(length) ? length : undefined, asker);
    }
    case "POST /update":
      return options.orderUpdate(permitIn(await bodyOf(request)), asker);
    case "POST /update/restart":
      return options.restartForUpdate(asker);
    case "POST /enrol/question":
      return { text: await options.enrolQuestion(asker) };
    case "POST /enrol/answer":
      return options.enrolAnswer(textIn(await bodyOf(request)), asker);
    case "POST /reboot":
      return options.reboot(asker);
    default:
      return notFound;
  }
}

function askerOf({ headers }: IncomingMessage, level: Level | undefined): Asker {
  const said = headers[personHeader];
  const person = typeof said === "string" ? said : "";
  return level === undefined ? { level: "node", person: person || "the node's own user" } : { level, person };
}

async function openSession(
  body: unknown,
  asker: Asker,
  response: ServerResponse,
  options: ControlOptions,
): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  response.once("close", resolve);
  if (response.destroyed) resolve();
  const end = (reason: string): void => void response.end(`${JSON.stringify({ end: reason })}\n`);
  await options.session({ ...sessionIn(body), asker }, { closed, end });
  // It may have been ended, or left, while its begin was written down.
  if (response.writableEnded || response.destroyed) return;
  response.writeHead(200, { "content-type": "application/jsonl" });
  response.write("{}\n");
}
