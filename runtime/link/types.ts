/** What the link says of itself. */
export interface LinkStats {
  /**
   * `off`: none is configured. `down`: no connection to the hub. `up`: frames flow.
   * `refused`: the hub answers, but does not store; see `reason`.
   */
  state: "off" | "down" | "up" | "refused";
  reason?: string;
  /** Unix time in milliseconds of the last change of `state`. */
  sinceMs: number;
  /** Of the link, as nats-server measured it last. */
  rttMs?: number;
  /** Whether rows of an outage still wait to be sent. */
  backlog: boolean;
  sentFrames: number;
  sentSamples: number;
  /** Bytes of frames, before compression. */
  sentBytes: number;
  /** From publish to acknowledgement, since the start; absent before the first. */
  ackMs?: { p50: number; p99: number; max: number };
  /** Times that the link looked alive, carried nothing and was cut. */
  bounces: number;
  /** Messages of others that were met on this node's chains: a second node of the same name. */
  foreignFrames: number;
}
