import { access } from "node:fs/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { bootId } from "./boot.ts";
import type { Bus, LinkRemote } from "./bus/types.ts";
import { type EnrolLink, Enrolment, type EnrolmentOptions } from "./enrol/enrolment.ts";
import type { EnrolmentStatus } from "./enrol/types.ts";
import { messageOf, UmecError } from "./errors.ts";
import type { NodeIdentity } from "./identity/types.ts";
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
  /** Asked whenever the link is set. Rejects while the node's keys can't be read: then it stays off. */
  identity: () => Promise<NodeIdentity>;
  bus: Bus;
  outbox: Outbox;
  spool: Spool;
  /** Its clock, and the files of a node that enrols. */
  enrol: Pick<EnrolmentOptions, "clock" | "dataPath" | "targetPath" | "check">;
  log: Log;
  /** Most bytes of objects a second. */
  objectBytesPerS: number;
}

/**
 * The node's link as the target state wants it: none, or one to a hub; changed while it runs. Without a credentials file it
 * is dialled and hung up as the enrolment wants it (enrol/enrolment.ts).
 */
export class NodeLink {
  readonly #options: NodeLinkOptions;
  #ended = new AbortController();
  #link: Link | undefined;
  #uploader: Uploader | undefined;
  readonly #objectPace: Pace;
  #connection: NatsConnection | undefined;
  #fault: string | undefined;
  #enrolment: { it: Enrolment; end: AbortController } | undefined;

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
    this.#enrolment?.it.wake();
  }

  /** Dials anew, so that files are read again; within `withinMs` when nothing is on its way. */
  async redial(withinMs: number, signal: AbortSignal): Promise<void> {
    await untilCalm(this.#options.outbox, withinMs, signal);
    if (!signal.aborted) await this.#options.bus.bounceLink();
  }

  /** Gives what is on its way a moment, so that a planned stop leaves nothing behind that could have gone. */
  farewell(withinMs: number): Promise<void> {
    return untilCalm(this.#options.outbox, withinMs, new AbortController().signal);
  }

  async set(target: LinkTarget | undefined): Promise<void> {
    await this.stop();
    this.#fault = undefined;
    if (!target) {
      await this.#options.bus.setLink(undefined);
      return;
    }
    // nats-server does not start with a CA file that is missing, and then the node has no bus at all.
    if (target.caPath !== undefined) await requireFile(target.caPath);
    const identity = await this.#options.identity().catch((error: unknown) => {
      this.#fault = messageOf(error);
      throw error;
    });
    if (target.credentialsPath === undefined) this.#enrol(target, identity);
    else await this.#dial(target, identity, target.credentialsPath);
  }

  #enrol(target: LinkTarget, identity: NodeIdentity): void {
    const { node, bus, enrol, log } = this.#options;
    const end = new AbortController();
    const link: EnrolLink = {
      dialWithToken: async (file) => {
        await this.#hangUp();
        await bus.setLink(remoteOf(target, file));
      },
      dial: async (file) => {
        await this.#hangUp();
        await this.#dial(target, identity, file);
      },
      hangUp: () => this.#hangUp(),
      redial: (withinMs, signal) => this.redial(withinMs, signal),
    };
    const part = log.child({ part: "enrolment" });
    const { caPath } = target;
    const it = new Enrolment({
      ...{ ...enrol, node, identity, bus, link, log: part, signal: end.signal },
      ...(caPath !== undefined && { caPath }),
    });
    this.#enrolment = { it, end };
  }

  /** Links with these credentials, and sends what waits. */
  async #dial(target: LinkTarget, identity: NodeIdentity, credentialsFile: string): Promise<void> {
    const { node, bus, outbox, spool, enrol, log } = this.#options;
    const { reconnectMs, frameBytes, backlogBytesPerS } = target;
    await bus.setLink(remoteOf(target, credentialsFile));
    this.#ended = new AbortController();
    this.#connection = await bus.connectLink();
    this.#link = new Link({
      node,
      sign: (message) => identity.sign(message),
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
      clock: enrol.clock,
      bootId: bootId(),
      take: (bytes, signal) => this.#objectPace.take(bytes, signal),
      log: log.child({ part: "objects" }),
      signal: this.#ended.signal,
    });
  }

  async stats(): Promise<LinkStats> {
    // It may be ended while nats-server is asked.
    const link = this.#link;
    if (!link && this.#enrolment) return { ...idleStats("down"), reason: "the node has no claims yet" };
    if (!link) return { ...idleStats("off"), ...(this.#fault !== undefined && { reason: this.#fault }) };
    const { rttMs } = await this.#options.bus.leafState();
    return { ...link.stats(), ...(rttMs !== undefined && { rttMs }) };
  }

  /** How a node without a credentials file stands with its hub; `undefined` for any other. */
  enrolment(): EnrolmentStatus | undefined {
    return this.#enrolment?.it.status();
  }

  uploadStats(): UploadStats {
    return this.#uploader?.stats() ?? { state: "off" };
  }

  /** Whether the hub has stored anything over the present link. */
  get hasSent(): boolean {
    return (this.#link?.stats().sentFrames ?? 0) > 0;
  }

  /** What the link knows by itself, without asking nats-server. */
  get state(): LinkStats["state"] {
    return this.#link?.stats().state ?? "off";
  }

  async stop(): Promise<void> {
    this.#enrolment?.end.abort();
    await this.#enrolment?.it.done;
    this.#enrolment = undefined;
    await this.#endLink();
  }

  async #hangUp(): Promise<void> {
    await this.#endLink();
    await this.#options.bus.setLink(undefined);
  }

  async #endLink(): Promise<void> {
    this.#ended.abort();
    await Promise.all([this.#link?.done, this.#uploader?.done]);
    await this.#connection?.close();
    this.#link = undefined;
    this.#uploader = undefined;
    this.#connection = undefined;
  }
}

function remoteOf({ hubUrls, caPath, reconnectMs }: LinkTarget, credentialsFile: string): LinkRemote {
  return {
    urls: hubUrls,
    credentialsFile,
    ...(caPath !== undefined && { tls: { caFile: caPath } }),
    reconnectMs,
  };
}

/** Resolves when no sample waits for the hub, or the time is over. */
async function untilCalm(outbox: Outbox, withinMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = (): void => {
    if (outbox.stats().waitingRows === 0) resolve();
  };
  const off = outbox.onErased(look);
  const timer = setTimeout(resolve, withinMs);
  const stop = (): void => resolve();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  look();
  await promise;
  signal.removeEventListener("abort", stop);
  clearTimeout(timer);
  off();
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
