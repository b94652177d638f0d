/**
 * The resolved target state: what the node should be, with every default filled in and every path absolute.
 * Plain data, so two targets can be compared by value. Other parts of the runtime may import this file.
 */
import type { AlarmTarget } from "../alarms/types.ts";
import type { ApiTarget, AppTarget } from "../api/types.ts";
import type { UserTarget } from "../people/types.ts";
import type { Driver } from "../plugin/contract.ts";
import type { ProcessTarget } from "../process/types.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * When wall-clock time is believed: `always`, only after a time service says `synchronized`, or `auto`, which
 * decides by what the board has.
 */
export type ClockTrust = "auto" | "always" | "synchronized";

export interface Target {
  /** One subject token: `nameSyntax` of runtime/subjects.ts. */
  node: string;
  /** Absolute directory of the outbox, the identity and all else that the node writes. It may not exist yet. */
  dataPath: string;
  log: { level: LogLevel };
  /** Absent: the node is offline and only stores. */
  link?: LinkTarget;
  /** The sealed texts of those secrets that the file has sealed, by name. Absent: none. */
  secrets?: ReadonlyMap<string, string>;
  outbox: OutboxTarget;
  objects: ObjectsTarget;
  update: UpdateTarget;
  gate: GateTarget;
  clock: { trust: ClockTrust };
  /** Sorted by name, each name once. */
  plugins: readonly PluginTarget[];
  /** Sorted by name, each name once. */
  alarms: readonly AlarmTarget[];
  /** Sorted by name, each name once. */
  users: readonly UserTarget[];
  /** Absent: applications can't reach the node. */
  api?: ApiTarget;
  /** Sorted by name, each name once. */
  apps: readonly AppTarget[];
}

export interface LinkTarget {
  /** The servers of one hub cluster, `nats-leaf://host:port` or `tls://host:port`; at least one. */
  hubUrls: readonly string[];
  /**
   * Absolute path of the credentials file. It may be missing: then the link stays down until it is there. Absent: the node
   * enrols, or has enrolled.
   */
  credentialsPath?: string;
  /** Absolute path of a PEM file with the hub's own CA. Absent: the system's CAs. */
  caPath?: string;
  /** Mean delay between attempts to connect, spread ±50 %. */
  reconnectMs: number;
  /** Most bytes of samples in one frame. */
  frameBytes: number;
  /** Most bytes a second that the backlog may take of the link. */
  backlogBytesPerS: number;
}

export interface OutboxTarget {
  /** Most bytes of samples that are kept; beyond them the oldest rows of the least lane go first. */
  quotaBytes: number;
  /** Longest time that a sample waits for others to share an fsync. */
  commitMs: number;
  /** Bytes that start an fsync before `commitMs` is over. */
  commitBytes: number;
}

export interface ObjectsTarget {
  /** Most bytes of objects that wait for the hub; beyond them the oldest go. */
  quotaBytes: number;
  /** Most bytes a second that objects may take of the link. */
  bytesPerS: number;
}

/** How updates of the system are taken. */
export interface UpdateTarget {
  /** Whether the node restarts by itself for one that is installed. */
  automatic: boolean;
  /** The time of day, UTC, in which it may: `02:00-04:00`. Absent: any. */
  window?: string;
  /** Most bytes a second that an update may take of the link. */
  rateBytesPerS: number;
}

/** What a new system must show before it is kept, beside the required plugins' samples. */
export interface GateTarget {
  /** How long it may take, from the kernel's start. */
  deadlineS: number;
  /** Whether the hub need not answer. */
  offline: boolean;
}

export interface PluginTarget {
  /** One subject token: `nameSyntax` of runtime/subjects.ts. */
  name: string;
  /** `exec` for a program. */
  driver: string;
  /** Present for a plugin that is a process of its own. */
  process?: ProcessTarget;
  /** Whether an update counts as good only after this plugin has sampled. */
  required: boolean;
  limits: PluginLimits;
  /** Valid by the driver's schema, defaults filled in. */
  options: Readonly<Record<string, unknown>>;
  /** What points are set to when nobody commands them. Absent: none. */
  safe?: Readonly<Record<string, SafeTarget>>;
}

export interface SafeTarget {
  /** Fits the point's schema. */
  value: unknown;
  /** Time after the last command. */
  afterMs: number;
}

export interface PluginLimits {
  samplesPerS: number;
  bytesPerS: number;
}

/** Where drivers come from. `load` is called only for drivers that a target names. */
export interface DriverSource {
  names(): readonly string[];
  load(name: string): Promise<Driver>;
}
