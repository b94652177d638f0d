import { access } from "node:fs/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "./bus/types.ts";
import { UmecError } from "./errors.ts";
import { idleStats, Link } from "./link/link.ts";
import type { LinkStats } from "./link/types.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { LinkTarget } from "./target/types.ts";

/** The node's link as the target state wants it: none, or one to a hub; changed while it runs. */
export class NodeLink {
  readonly #node: string;
  readonly #bus: Bus;
  readonly #outbox: Outbox;
  readonly #log: Log;
  #ended = new AbortController();
  #link: Link | undefined;
  #connection: NatsConnection | undefined;

  constructor(node: string, bus: Bus, outbox: Outbox, log: Log) {
    this.#node = node;
    this.#bus = bus;
    this.#outbox = outbox;
    this.#log = log;
  }

  async set(target: LinkTarget | undefined): Promise<void> {
    await this.stop();
    if (!target) {
      await this.#bus.setLink(undefined);
      return;
    }
    const { hubUrls, credentialsPath, caPath, reconnectMs, frameBytes, backlogBytesPerS } = target;
    // nats-server does not start with a CA file that is missing, and then the node has no bus at all.
    if (caPath !== undefined) await requireFile(caPath);
    await this.#bus.setLink({
      urls: hubUrls,
      credentialsFile: credentialsPath,
      ...(caPath !== undefined && { tls: { caFile: caPath } }),
      reconnectMs,
    });
    this.#ended = new AbortController();
    this.#connection = await this.#bus.connectLink();
    this.#link = new Link({
      node: this.#node,
      outbox: this.#outbox,
      connection: this.#connection,
      leaf: this.#bus,
      log: this.#log.child({ part: "link" }),
      signal: this.#ended.signal,
      frameBytes,
      backlogBytesPerS,
      // A part of the time between two dials: nodes that came back together begin apart.
      spreadMs: Math.min(1_000, reconnectMs / 10),
    });
  }

  async stats(): Promise<LinkStats> {
    if (!this.#link) return idleStats("off");
    const { rttMs } = await this.#bus.leafState();
    return { ...this.#link.stats(), ...(rttMs !== undefined && { rttMs }) };
  }

  /** What the link knows by itself, without asking nats-server. */
  get state(): LinkStats["state"] {
    return this.#link?.stats().state ?? "off";
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#link?.done;
    await this.#connection?.close();
    this.#link = undefined;
    this.#connection = undefined;
  }
}

async function requireFile(path: string): Promise<void> {
  try {
    await access(path);
  } catch (error) {
    throw new UmecError("LINK_CA_MISSING", `${path} can't be read: the node stays offline`, {
      cause: error,
      hint: "put the hub's CA there, or take link.ca out",
    });
  }
}
