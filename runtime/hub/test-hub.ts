/** A real hub for tests: nats-server with JetStream, and a node's side of the chains, played by hand. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { type FrameHeader, formatFrameHeader, frameHeaderName, type Gap, gapName } from "../frame.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { startNatsServer } from "../nats/server-process.ts";
import { encodeCbor } from "../senml/cbor.ts";
import type { SenmlRecord } from "../senml/record.ts";
import { type Chain, chainSubject } from "../subjects.ts";

export interface TestServer extends AsyncDisposable {
  readonly nc: NatsConnection;
  readonly leafPort: number;
  readonly dir: string;
}

/** Starts nats-server in a folder that goes with it. `config` comes beside the client's `listen`. */
export async function startTestServer(
  config: (parts: { dir: string; leafPort: number }) => string = ({ dir }) => jetstream(dir),
  options: Parameters<typeof connect>[0] = {},
): Promise<TestServer> {
  const { path } = await findNatsServer();
  const dir = await mkdtemp(join(tmpdir(), "umec-hub-"));
  const server = await startNatsServer({
    path,
    dir,
    name: "test",
    config: (ports) => `listen: "127.0.0.1:${ports.client}"\n${config({ dir, leafPort: ports.leaf })}`,
    memoryLimitBytes: 128 * 2 ** 20,
    log: silentLog,
  });
  const nc = await connect({ servers: server.url, ...options });
  return {
    nc,
    dir,
    leafPort: server.ports.leaf,
    async [Symbol.asyncDispose]() {
      await nc.close();
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export function jetstream(dir: string): string {
  return `jetstream { store_dir: ${JSON.stringify(join(dir, "jetstream"))}, domain: hub }`;
}

export interface TestFrame extends Partial<Omit<FrameHeader, "first" | "last">> {
  rows: readonly [first: number, last: number];
  records: readonly SenmlRecord[];
}

export const storeA = "aaaaaaaaaaaaaaaa";
export const storeB = "bbbbbbbbbbbbbbbb";

/** A node that stores frames at the hub as the link does, and waits for each PubAck. */
export class TestNode {
  readonly #nc: NatsConnection;
  readonly #chain: Omit<Chain, "backlog">;

  constructor(nc: NatsConnection, node: string, plugin = "p1", lane: Chain["lane"] = "telemetry") {
    this.#nc = nc;
    this.#chain = { node, plugin, lane };
  }

  /** On the live chain; `since` is the first row by default. */
  live(frame: TestFrame): Promise<number> {
    return this.#send(false, { since: frame.rows[0], ...frame });
  }

  backlog(frame: TestFrame): Promise<number> {
    return this.#send(true, { since: 0, ...frame });
  }

  /** A sample of every row from `first` to `last`: `d/q` with the row's number as value, one second each. */
  samples(first: number, last: number, startS = 1_760_000_000): SenmlRecord[] {
    return Array.from({ length: last - first + 1 }, (_, index) => ({
      n: this.#name("d/q"),
      u: "V",
      v: first + index,
      t: startS + first + index,
    }));
  }

  gap(gap: Gap): SenmlRecord {
    return { n: this.#name(gapName), vs: JSON.stringify(gap), t: 1_760_000_000 };
  }

  #name(path: string): string {
    return `${this.#chain.node}/${this.#chain.plugin}/${path}`;
  }

  async #send(backlog: boolean, { rows: [first, last], records, ...rest }: TestFrame): Promise<number> {
    const samples = records.filter(({ n }) => !n.endsWith(gapName)).length;
    const header = { store: storeA, since: 0, samples, clockEstimated: false, ...rest, first, last };
    const subject = chainSubject({ ...this.#chain, backlog });
    return publish(this.#nc, subject, encodeCbor(records), formatFrameHeader(header));
  }
}

/** Publishes and returns the sequence of the PubAck; throws the stream's refusal. */
export async function publish(
  nc: NatsConnection,
  subject: string,
  data: Uint8Array,
  frameHeader?: string,
): Promise<number> {
  const message = headers();
  if (frameHeader !== undefined) message.set(frameHeaderName, frameHeader);
  const reply = await nc.request(subject, data, { headers: message, timeout: 5000 });
  const ack = reply.json<{ seq: number; error?: { err_code: number; description: string } }>();
  if (ack.error) throw Object.assign(new Error(ack.error.description), { errCode: ack.error.err_code });
  return ack.seq;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
