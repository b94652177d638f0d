/**
 * A session's connection to the node, which is the session to the node: it begins and ends in the audit trail with it,
 * and through it the node asks for its end.
 */
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { isUmecError, UmecError } from "../errors.ts";
import { personHeaders, refused } from "./control-socket.ts";

export interface SessionLinkOptions {
  socket: string;
  asked: { command: string; from?: string; refused?: string };
  /**
   * Whether the session lasts while the node does not run, and begins anew when it does: so that somebody can come in
   * and mend it.
   *
   * @default false: without the node there is no session
   */
  lasting?: boolean;
  /** The node asks for the end, or does not take the session back. @default nothing is done */
  onEnd?: (reason: string) => void;
  /** @default 1000 */
  retryMs?: number;
}

export interface SessionLink extends AsyncDisposable {
  /** Whether the node has written down the begin. */
  readonly begun: boolean;
}

const beginMs = 10_000;

/** @throws UmecError what the node refuses it with, `NODE_NOT_RUNNING` */
export async function followSession(options: SessionLinkOptions): Promise<SessionLink> {
  const { lasting = false, onEnd = () => {}, retryMs = 1000 } = options;
  let over = false;
  let current: ClientRequest | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function begin(): Promise<boolean> {
    const opened = await open(options, (asked) => {
      current = asked;
    }).catch((error) => {
      if (lasting && isUmecError(error, "NODE_NOT_RUNNING")) return undefined;
      throw error;
    });
    if (opened) follow(opened);
    else again();
    return opened !== undefined;
  }

  function follow(response: IncomingMessage): void {
    let said = "";
    response.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    // It ends in whatever way when the node does.
    response.on("error", () => {});
    response.once("close", () => {
      const end = said
        .split("\n")
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { end?: string }).end)
        .find((reason) => reason !== undefined);
      if (over || end === undefined) return again();
      over = true;
      onEnd(end);
    });
  }

  /** The node has gone, as it does to start again. */
  function again(): void {
    if (over || !lasting) return;
    timer = setTimeout(() => {
      begin().catch((error: Error) => {
        if (over) return;
        over = true;
        onEnd(error.message);
      });
    }, retryMs);
  }

  const begun = await begin();
  return {
    begun,
    async [Symbol.asyncDispose]() {
      over = true;
      clearTimeout(timer);
      current?.destroy();
    },
  };
}

async function open(
  { socket, asked: body }: SessionLinkOptions,
  onRequest: (asked: ClientRequest) => void,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const asked = request({
    socketPath: socket,
    path: "/session",
    method: "POST",
    headers: { host: "umec", ...personHeaders() },
  });
  onRequest(asked);
  const late = setTimeout(() => asked.destroy(new Error(`no answer within ${beginMs} ms`)), beginMs);
  asked.on("error", reject);
  asked.once("response", resolve);
  asked.end(JSON.stringify(body));
  const response = await promise
    .catch((cause: Error) => {
      throw new UmecError("NODE_NOT_RUNNING", `the node does not take the session: ${cause.message}`, {
        cause,
        hint: "is it starting? Try again in a moment",
      });
    })
    .finally(() => clearTimeout(late));
  if (response.statusCode === 200) return response;
  throw refused((await buffer(response)).toString());
}
