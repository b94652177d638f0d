import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { Broker } from "../api/types.ts";
import type { EmitRate } from "../emit-limit.ts";
import type { Refusal } from "../emit-wire.ts";
import type { UmecError } from "../errors.ts";
import type { BusRecord } from "../handover/record.ts";
import type { Inheritance } from "../handover/take.ts";
import type { Log } from "../log.ts";

export interface BusOptions {
  /** The node's name; unique among all that link to one hub. */
  node: string;
  /** Holds the configuration and the pid file. Made if it is missing; belongs to this bus alone. */
  dir: string;
  /** As `findNatsServer` found it. */
  natsServerPath: string;
  plugins: readonly string[];
  /** @default none: the node works alone */
  link?: LinkRemote;
  /** One that can't be used is left out, with a warning. @default none: see {@link AppsBus.listen} */
  apps?: AppListener;
  /** A bus that the process before has left; where it can't be taken over, it is ended and another started. @default none */
  inheritance?: Inheritance;
  log: Log;
  /** Stops the bus. */
  signal?: AbortSignal;
  /** Soft limit of nats-server's heap. @default 24 MiB */
  memoryLimitBytes?: number;
}

/** The hub, as the node dials it. */
export interface LinkRemote {
  /** `nats-leaf://host:port`, or `tls://host:port` for a hub with a certificate. */
  urls: readonly string[];
  /** The node's `.creds` file for the hub. */
  credentialsFile?: string;
  tls?: { caFile: string };
  /** Mean time between two attempts; each start draws its own within ±50 %. */
  reconnectMs: number;
}

export interface LeafState {
  connected: boolean;
  /** Round trip to the hub, as last measured by nats-server; left out until it was. */
  rttMs?: number;
  /** The hub's name. */
  remote?: string;
}

export interface PluginWatchOptions {
  /** Of the plugin's packs; each has at least one sample. */
  limits: EmitRate;
  /** nats-server refused something, `BUS_…`; limits.ts names the codes. */
  onRefused(refusal: Refusal): void;
  /** `PLUGIN_FLOOD`: it did more than its limits allow. Once, until `forgive`. */
  onFlood(error: UmecError): void;
}

/** One plugin's account, watched. */
export interface PluginWatch {
  setLimits(limits: EmitRate): void;
  /** Begins anew: another run of the plugin. */
  forgive(): void;
  stop(): void;
}

/** Where applications reach the bus. */
export interface AppListener {
  host: string;
  /** 0: any free one, and then always that. */
  port: number;
  /** PEM texts. */
  tls: { cert: string; key: string };
}

/** The bus, as applications reach it, and what the node does for them there: see apps.ts. */
export interface AppsBus extends Broker {
  /**
   * Opens, moves or closes it, or gives it another certificate. Another place costs a new start of nats-server, as it
   * can't change that while it runs; all clients come back by themselves. Rejects with `BUS_APPS_PORT`, `BUS_APPS_TLS`;
   * then all is as before.
   */
  listen(listener: AppListener | undefined): Promise<void>;
  /** Publishes readings to applications: `umec.<node>.<plugin>.telemetry.<point>`. */
  connect(): Promise<NatsConnection>;
  /** Hears applications' commands: `umec.<node>.<plugin>.command.<point>`. */
  connectDoor(): Promise<NatsConnection>;
  /** The application that sent a message which came in by the door; nats-server vouches for it. */
  senderOf(message: Pick<Msg, "headers">): string | undefined;
  /** Whether a grant that has not ended is for this subject. */
  isHeard(subject: string): boolean;
  /** Of applications. */
  connections(): Promise<number>;
}

/** The node's own message bus. */
export interface Bus extends AsyncDisposable {
  /** For clients on this machine. Stays the same when nats-server is started again. */
  readonly url: string;
  /**
   * In the plugin's account, with what a plugin may do: publish `telemetry.>`, `event.>` and `status`, answer
   * `command.>`; and what the node does for a plugin's process: pass its commands on as `checked.>`, answer
   * `object.put`. Rejects with `BUS_PLUGIN_UNKNOWN`.
   */
  connectPlugin(plugin: string): Promise<NatsConnection>;
  /**
   * The text of a credentials file (`.creds`) for a user like that of `connectPlugin`, for another process: a bearer of
   * its JWT, which signs nothing, so that a program needs no Ed25519. As secret as a password. It is void when this bus
   * is started anew. It may ask for `object.put`; when it is `gated` it hears `checked.>` and not `command.>`. Rejects
   * with `BUS_PLUGIN_UNKNOWN`.
   */
  pluginCredentials(plugin: string, options?: { gated?: boolean }): Promise<Uint8Array>;
  /** The plugin's messages as `in.<plugin>.>`, to answer when they are stored. One for each plugin. */
  connectOutbox(plugin: string): Promise<NatsConnection>;
  /** Publishes the node's chains `umec.<node>.>` and asks for their last messages, `hub.last.umec.<node>.>`. */
  connectLink(): Promise<NatsConnection>;
  /** Reads `umec.<node>.<plugin>.telemetry.>`, `.event.>` and `.status`, and alarms; sends `umec.<node>.<plugin>.command.>`. */
  connectApi(): Promise<NatsConnection>;
  /** Publishes `umec.<node>.alarms.event.<name>` in the account API. */
  connectAlarms(): Promise<NatsConnection>;
  /** Watches what a plugin's own process does there; see flood-watch.ts. Throws `BUS_PLUGIN_UNKNOWN`. */
  watchPlugin(plugin: string, options: PluginWatchOptions): PluginWatch;
  /**
   * Makes all credentials that the plugin's process was given void, and closes its connections; the node's own there
   * stay. Resolves when that is done. Rejects with `BUS_PLUGIN_UNKNOWN` and as a change does.
   */
  cutOff(plugin: string): Promise<void>;
  /** Adds and removes plugins' accounts; the connections of all others stay. */
  setPlugins(plugins: readonly string[]): Promise<void>;
  readonly apps: AppsBus;
  setLink(link: LinkRemote | undefined): Promise<void>;
  /** Cuts the link and dials anew: for one that looks connected but carries nothing. */
  bounceLink(): Promise<void>;
  leafState(): Promise<LeafState>;
  /** Calls `listener` at each change, once it is known; returns a function that ends it. */
  onLeafChange(listener: (connected: boolean) => void): () => void;
  /** Calls `listener` with why an attempt to link failed, or the link was cut, in nats-server's words. */
  onLeafTrouble(listener: (reason: string) => void): () => void;
  /** Resident memory of nats-server. */
  usage(): Promise<{ memoryBytes: number }>;
  /**
   * Leaves nats-server and its clients as they are, for another process; what is returned is as secret as its keys.
   * Rejects where nats-server does not run just now.
   */
  leave(): Promise<BusRecord>;
  stop(): Promise<void>;
}
