/** What a simulated camera is, and how it misbehaves; a test changes it while the camera runs. */
export interface Misbehaviour {
  /** Instead of any answer. */
  answer?: "html" | "truncated" | "huge" | "silent" | "garbage" | "status-500" | "hang-up" | "deep";
  /** Content type of each answer. */
  contentType?: string;
  /** Prefixes that no other camera has. */
  oddPrefixes?: boolean;
  /** SOAP 1.1 envelopes and faults. */
  soap11?: boolean;
  /** Host and port that it names as its own. */
  wrongAddress?: string;
  /** Asks for the password again and again. */
  loop401?: boolean;
  /** Says with each nonce that it is stale. */
  alwaysStale?: boolean;
  /** Sends everybody there; `%` is its own base, `*` the path. */
  redirect?: string;
  /** Delay of each answer, in milliseconds. */
  slowMs?: number;
  /** Pull points are refused. */
  noEvents?: boolean;
  noRenew?: boolean;
  noSnapshot?: boolean;
  noMedia2?: boolean;
  noGetServices?: boolean;
  /** Keeps moving whatever timeout was given. */
  ignoresTimeout?: boolean;
  /** Body of the snapshot. */
  snapshot?: "cut" | "html";
}

export interface SimulatedEvent {
  topic: string;
  source?: Record<string, string>;
  data?: Record<string, string>;
  operation?: "Initialized" | "Changed" | "Deleted";
  /** By the camera's clock. @default now */
  utc?: string;
}

export interface SimulatorState {
  misbehaviour: Misbehaviour;
  user: string | undefined;
  password: string;
  /** How it wants it. */
  auth: "none" | "digest-md5" | "digest-sha256" | "token";
  /** Its clock minus the true time, in milliseconds. */
  clockMs: number;
  position: { pan: number; tilt: number; zoom: number };
  velocity: { pan: number; tilt: number; zoom: number };
  still: Uint8Array;
  /** What GetStreamUri says. */
  streamUri: string;
  /** Each operation that was asked for, in order. */
  readonly calls: string[];
  /** Headers of the last subscription request, as they came. */
  lastHeader: string;
  properties: Map<string, SimulatedEvent>;
}
