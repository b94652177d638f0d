/** A board that enrols, for tests: its keys, a nats-server of its own whose owner may do all on it, and the link. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import {
  askEnrolment,
  askRenewal,
  type EnrolAnswer,
  type EnrolQuestion,
  enrolSubject,
  newNonce,
  openAnswer,
  type Refusal,
  type RenewAnswer,
  renewSubject,
  type Token,
} from "../enrol-wire.ts";
import type { NodeIdentity } from "../identity/types.ts";
import { silentLog } from "../log.ts";
import { formatCredentials } from "../nats/claims.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { startNatsServer } from "../nats/server-process.ts";

export function questionOf(token: Token, identity: NodeIdentity, more: Partial<EnrolQuestion> = {}) {
  const question: EnrolQuestion = {
    version: 1,
    node: token.node,
    token: token.id,
    keys: identity.keys,
    nonce: newNonce(),
    umec: "0.0.0-test",
    ...more,
  };
  return { question, envelope: askEnrolment(question, token, identity) };
}

/** Credentials that a node writes once it has its claims. */
export function credentialsOf({ jwt }: { jwt: string }, { link }: NodeIdentity): string {
  return Buffer.from(formatCredentials({ jwt, key: link })).toString();
}

export interface TestBoard extends AsyncDisposable {
  /** May publish and hear all on the board's own server, so only the hub is in the way. */
  readonly nc: NatsConnection;
  /** Links, or links anew, with these credentials, and resolves when the link is up. */
  link(credentials: string): Promise<void>;
  /** What nats-server said of its link that was not good. */
  readonly complaints: readonly string[];
  /** Resolves at the next complaint that matches. */
  complaint(pattern: RegExp): Promise<string>;
}

/** @param asks the node whose name it takes for its questions; @default its own */
export async function startBoard(node: string, leafUrl: string, asks: string = node): Promise<TestBoard> {
  const { path } = await findNatsServer();
  const dir = await mkdtemp(join(tmpdir(), "umec-board-"));
  const credsFile = join(dir, "hub.creds");
  const complaints: string[] = [];
  const waiting = new Set<(text: string) => void>();
  const hear = (text: string) => {
    complaints.push(text);
    for (const one of [...waiting]) one(text);
  };
  const log = { ...silentLog, warn: hear, error: hear };
  const config = (remotes: string) => (ports: { client: number; leaf: number }) =>
    `server_name: ${node}\nlisten: "127.0.0.1:${ports.client}"\nleafnodes { reconnect: "100ms", remotes: [${remotes}] }\n`;
  const server = await startNatsServer({
    path,
    dir,
    name: "board",
    config: config(""),
    memoryLimitBytes: 64 * 2 ** 20,
    log: { ...log, child: () => log },
  });
  const nc = await connect({ servers: server.url, inboxPrefix: `_INBOX_${asks}`, noAsyncTraces: true });
  return {
    nc,
    complaints,
    async link(credentials) {
      await server.reload(config(""));
      await writeFile(credsFile, credentials, { mode: 0o600 });
      const remote = `{ urls: ["${leafUrl}"], credentials: ${JSON.stringify(credsFile)}, ignore_discovered_servers: true }`;
      await server.reload(config(remote));
    },
    complaint(pattern) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const look = (text: string) => {
        if (!pattern.test(text)) return;
        waiting.delete(look);
        resolve(text);
      };
      waiting.add(look);
      return promise;
    },
    async [Symbol.asyncDispose]() {
      await nc.close();
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Asks until an answer comes, as a node does: the link may just be coming up. */
export async function request(nc: NatsConnection, subject: string, text: string, withinMs = 5000) {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    try {
      return (await nc.request(subject, text, { timeout: 1000 })).string();
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      // "no responders" comes at once.
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}

export async function enrolOver(
  board: TestBoard,
  token: Token,
  identity: NodeIdentity,
): Promise<EnrolAnswer | Refusal> {
  const { question, envelope } = questionOf(token, identity);
  const text = await request(board.nc, enrolSubject(token.id), JSON.stringify(envelope));
  return openAnswer(text, question.nonce, token);
}

export function accepted(answer: EnrolAnswer | Refusal): EnrolAnswer {
  if ("refused" in answer) throw new Error(`${answer.refused.code}: ${answer.refused.text}`);
  return answer;
}

export async function renewOver(
  board: TestBoard,
  node: string,
  identity: NodeIdentity,
): Promise<RenewAnswer | Refusal> {
  const envelope = askRenewal({ version: 1, node, keys: identity.keys, nonce: newNonce() }, identity);
  return JSON.parse(await request(board.nc, renewSubject(node), JSON.stringify(envelope)));
}
