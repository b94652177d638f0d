/**
 * What the API and the node promise each other. The API is made of parts that know only this file and
 * each other's types; `runtime/node-api.ts` gives them the node.
 */
import type { Quality } from "../plugin/contract.ts";

/** A sample that is on disk, as applications see it. */
export interface Reading {
  plugin: string;
  /** Path below the plugin, `device/quantity`. */
  point: string;
  /** `null`: bad, and there is none. */
  value: number | string | boolean | Uint8Array | null;
  /** RFC 8428 section 12.1. */
  unit?: string;
  /** Unix time in milliseconds. Absent: the node's clock is not known yet. */
  timeMs?: number;
  quality: Quality;
  /** Why it is not good. */
  reason?: string;
}

/** One thing that a plugin measures or acts on. */
export interface ApiPoint {
  name: string;
  summary?: string;
  unit?: string;
  access: "read" | "write" | "read-write";
  /** JSON Schema of the values that a command may have. */
  schema?: object;
}

/** A plugin of the node. */
export interface ApiPlugin {
  name: string;
  driver: string;
  /** The driver's one line for people. */
  summary: string;
  /** Whether it runs just now. */
  running: boolean;
  /** As its manifest lists them; a driver that learns its points from the device may emit others. */
  points: readonly ApiPoint[];
}

export interface ApiCommand {
  plugin: string;
  point: string;
  /** A JSON value, or `undefined` for none. */
  value: unknown;
  /** In this time it must be done. */
  ttlMs: number;
  /** Who asks, for the driver and the log: `app weather-board`. */
  by: string;
}

/** How far the node's clock can be believed. */
export interface ClockQuality {
  /** Whether a source of time outside has set it. */
  known: boolean;
  /** As the kernel says (adjtimex(2)); absent where it does not. */
  estimatedErrorMs?: number;
  /** `synchronized`: a time service disciplines it now. */
  synchronized: boolean;
}

/** The node, as the API sees it. */
export interface ApiNode {
  readonly name: string;
  plugins(): readonly ApiPlugin[];
  /** Calls `listener` when plugins came, went, started or stopped; returns a function that ends it. */
  onPlugins(listener: () => void): () => void;
  /** The last reading of a point; `undefined` when there was none since the node started. */
  latest(plugin: string, point: string): Reading | undefined;
  /** Names of the points that the plugin has emitted since the node started. */
  seen(plugin: string): readonly string[];
  /** Calls `listener` with each reading of the point, or of all points; returns a function that ends it. */
  watch(plugin: string, point: string | undefined, listener: (reading: Reading) => void): () => void;
  /** Resolves with what the driver returned. Rejects with `COMMAND_…` codes; see runtime/commands/. */
  command(command: ApiCommand): Promise<unknown>;
  clock(): Promise<ClockQuality>;
}

/** What an application may do on the bus. Subjects of NATS, relative to nothing: as the application names them. */
export interface BusGrant {
  publish: readonly string[];
  subscribe: readonly string[];
}

/** Credentials of an application for the bus. */
export interface BusCredentials {
  /** Text of a credentials file (`.creds`): a user JWT and its seed. */
  creds: string;
  expiresAtMs: number;
}

/** The bus, as applications reach it. */
export interface Broker {
  /** `wss://host:port`; what an application dials. */
  readonly urls: readonly string[];
  /** A new user, with a key of its own, for no more than `lifetimeMs`. Earlier ones of the application stay. */
  grant(app: string, grant: BusGrant, lifetimeMs: number): Promise<BusCredentials>;
  /** Voids all that the application was given, and closes its connections. Resolves when that holds. */
  revoke(app: string): Promise<void>;
}

/** An address that a name resolves to for applications (ETSI GS MEC 011 V3.1.1 section 7.1.2.3). */
export interface DnsRecord {
  /** Fully qualified, without the dot at the end. */
  name: string;
  /** IPv4 or IPv6. */
  address: string;
  ttlS: number;
}

/** What is done with packets (ETSI GS MEC 011 V3.1.1 section 7.1.2.2). */
export const trafficActions = [
  "DROP",
  "FORWARD_DECAPSULATED",
  "FORWARD_ENCAPSULATED",
  "PASSTHROUGH",
  "DUPLICATE_DECAPSULATED",
  "DUPLICATE_ENCAPSULATED",
] as const;

/** A traffic rule that is active (ETSI GS MEC 011 V3.1.1 section 7.1.2.2, filters of 7.1.5.1). */
export interface ActiveTrafficRule {
  /** `<appInstanceId>/<trafficRuleId>`. */
  id: string;
  /** 0 to 255: 0 is the most important. */
  priority: number;
  /** `FLOW`: both directions of what begins with a packet that fits. */
  filterType: "FLOW" | "PACKET";
  /** A packet fits that fits one of them. */
  filters: readonly TrafficFilter[];
  action: (typeof trafficActions)[number];
  /** Where FORWARD and DUPLICATE send it. */
  destinations: readonly TrafficDestination[];
}

/** All that are present must fit. Addresses are CIDR or single, ports numbers or `from-to`. */
export interface TrafficFilter {
  srcAddress?: readonly string[];
  dstAddress?: readonly string[];
  srcPort?: readonly string[];
  dstPort?: readonly string[];
  /** IANA protocol names or numbers, as texts. */
  protocol?: readonly string[];
  dscp?: number;
  tc?: number;
}

export interface TrafficDestination {
  /** The name of an interface of the node. Absent: by route. */
  interfaceName?: string;
  dstMacAddress?: string;
  dstIpAddress?: string;
}

/** What makes rules hold. */
export interface RuleEngine {
  /** Replaces all. Resolves when queries are answered so. Rejects with `RULES_…`; then what held before still holds. */
  setDns(records: readonly DnsRecord[]): Promise<void>;
  /** Replaces all, in one step. Rejects with `RULES_…`; then what held before still holds. */
  setTraffic(rules: readonly ActiveTrafficRule[]): Promise<void>;
  /** Why this one can never hold here, whatever else does; `undefined`: it may. */
  dnsFault(record: DnsRecord): string | undefined;
  trafficFault(rule: ActiveTrafficRule): string | undefined;
}

/** Who asks. */
export interface Principal {
  /** `app`: an application of the target state, or one that an identity provider vouches for. `user`: a person. */
  kind: "app" | "user";
  /** Unique among its kind. */
  name: string;
  /** Of an application: the identifier of its instance in ETSI's APIs. */
  appInstanceId?: string;
  scopes: ReadonlySet<Scope>;
  /** Patterns `plugin/point` of what it may read and command, `*` for one segment, `**` for the rest. */
  read: readonly string[];
  write: readonly string[];
  /** When the token ends, in Unix milliseconds: streams end with it. Absent: it does not. */
  expiresAtMs?: number;
}

/** What a token can allow; each names a family of routes. */
export const scopes = [
  "mec_app_support",
  "mec_service_mgmt",
  "mec_iot",
  "things_read",
  "things_write",
] as const;
export type Scope = (typeof scopes)[number];

/** State of the API that outlives a restart: small JSON documents by kind and id. */
export interface ApiStore {
  get<T>(kind: string, id: string): Stored<T> | undefined;
  /** In the order in which they were first put. */
  list<T>(kind: string): Stored<T>[];
  /**
   * Resolves when it is on disk; `get` has it at once. Rejects with `API_STORE_FULL`, and then nothing has changed.
   * @returns the new entity tag
   */
  put(kind: string, id: string, value: unknown): Promise<string>;
  /** Resolves when it is gone from the disk, `false` when there was none. */
  delete(kind: string, id: string): Promise<boolean>;
}

export interface Stored<T> {
  id: string;
  value: T;
  /** A strong entity tag with its quotes (RFC 9110 section 8.8.3); another one after each change. */
  etag: string;
}

/** An application of the target state. */
export interface AppTarget {
  /** One path segment: `nameSyntax` of runtime/subjects.ts. Its client id, too. */
  name: string;
  /** A UUID (ETSI GS MEC 011 V3.1.1 section 6.2.1); the same as long as node and name are. */
  appInstanceId: string;
  /** SHA-256 of its client secret, in hexadecimal. Absent: it can only come with a certificate or by an identity provider. */
  secretSha256?: string;
  scopes: readonly Scope[];
  read: readonly string[];
  write: readonly string[];
  /** Subjects of the bus that it may use beside its things: a service between applications, `app.<service>.>`. */
  bus: BusGrant;
  /** As its package describes them (ETSI GS MEC 010-2 section 6.2.1.9); the application switches them on and off. */
  dnsRules: readonly AppDnsRule[];
  trafficRules: readonly AppTrafficRule[];
}

export interface AppDnsRule {
  dnsRuleId: string;
  domainName: string;
  ipAddressType: "IP_V4" | "IP_V6";
  ipAddress: string;
  ttlS: number;
  active: boolean;
}

export interface AppTrafficRule extends Omit<ActiveTrafficRule, "id"> {
  trafficRuleId: string;
  active: boolean;
}

/** The API of the target state. */
export interface ApiTarget {
  host: string;
  port: number;
  /** Origin by which applications reach it, `https://host[:port]`. Absent: by where it listens. */
  url?: string;
  /** Absolute paths of PEM files. Absent: the node makes a certificate of its own. */
  tls?: { certificatePath: string; keyPath: string };
  /** PEM file with the CA of applications' certificates: then one is asked for, and its common name is the application's. */
  clientCaPath?: string;
  /** Where applications reach the bus, as WebSocket over TLS. Absent: they don't. */
  bus?: { host: string; port: number };
  issuers: readonly IssuerTarget[];
  requestsPerS: number;
}

/** An identity provider whose tokens are accepted (OpenID Connect Discovery 1.0). */
export interface IssuerTarget {
  url: string;
  audience: string;
  /** Name of the claim with the roles, and the level or application that each role stands for. */
  rolesClaim: string;
  roles: Readonly<Record<string, { level?: "viewer" | "operator" | "maintainer" | "owner"; app?: string }>>;
  /** How long keys that were fetched are believed while the provider can't be reached. */
  offlineGraceMs: number;
}
