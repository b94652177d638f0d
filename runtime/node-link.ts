import { access } from "node:fs/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { bootId } from "./boot.ts";
import type { Bus } from "./bus/types.ts";
import type { Clock } from "./clock.ts";
import { UmecError } from "./errors.ts";
import { idleStats, Link } from "./link/link.ts";
import type { LinkStats } from "./link/types.ts";
import type { Log } from "./log.ts";
import { Pace } from "./objects/pace.ts";
import type { Spool } from "./objects/spool.ts";
import type { UploadStats } from "./objects/types.ts";
import { Uploader } from "./objects/uploader.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { LinkTarget } from "./target/types.ts";

export interface NodeLinkOptions {
  node: string;
  bus: Bus;
  outbox: Outbox;
  spool: Spool;
  clock: Clock;
  log: Log;
  /** Most bytes of objects a second. */
  objectBytesPerS: number;
}

/** The node's link as the target state wants it: none, or one to a hub; changed while it runs. */
export class NodeLink {
  readonly #options: NodeLinkOptions;
  #ended = new AbortController();
  #link: Link | undefined;
  #uploader: Uploader | undefined;
  readonly #objectPace: Pace;
  #connection: NatsConnection | undefined;

  constructor(options: NodeLinkOptions) {
    this.#options = options;
    this.#objectPace = new Pace(options.objectBytesPerS);
  }

  setObjectRate(bytesPerS: number): void {
    this.#objectPace.bytesPerS = bytesPerS;
  }

  /** The clock became known. */
  wake(): void {
    this.#uploader?.wake();
  }

  async set(target: LinkTarget | undefined): Promise<void> {
    await this.stop();
    const { node, bus, outbox, spool, clock, log } = this.#options;
    if (!target) {
      await bus.setLink(undefined);
      return;
    }
    const { hubUrls, credentialsPath, caPath, reconnectMs, frameBytes, backlogBytesPerS } = target;
    // nats-server does not start with a CA file that is missing, and then the node has no bus at all.
    if (caPath !== undefined) await requireFile(caPath);
    await bus.setLink({
      urls: hubUrls,
      credentialsFile: credentialsPath,
      ...(caPath !== undefined && { tls: { caFile: caPath } }),
      reconnectMs,
    });
    this.#ended = new AbortController();
    this.#connection = await bus.connectLink();
    this.#link = new Link({
      node,
      outbox,
      connection: this.#connection,
      leaf: bus,
      log: log.child({ part: "link" }),
      signal: this.#ended.signal,
      frameBytes,
      backlogBytesPerS,
      // A part of the time between two dials: nodes that came back together begin apart.
      spreadMs: Math.min(1_000, reconnectMs / 10),
    });
    this.#uploader = new Uploader({
      node,
      spool,
      connection: this.#connection,
      leaf: bus,
      clock,
      bootId: bootId(),
      take: (bytes, signal) => this.#objectPace.take(bytes, signal),
      log: log.child({ part: "objects" }),
      signal: this.#ended.signal,
    });
  }

  async stats(): Promise<LinkStats> {
    if (!this.#link) return idleStats("off");
    const { rttMs } = await this.#options.bus.leafState();
    return { ...this.#link.stats(), ...(rttMs !== undefined && { rttMs }) };
  }

  uploadStats(): UploadStats {
    return this.#uploader?.stats() ?? { state: "off" };
  }

  /** What the link knows by itself, without asking nats-server. */
  get state(): LinkStats["state"] {
    return this.#link?.stats().state ?? "off";
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await Promise.all([this.#link?.done, this.#uploader?.done]);
    await this.#connection?.close();
    this.#link = undefined;
    this.#uploader = undefined;
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
