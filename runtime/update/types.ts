/** What the parts of an update say to each other. */

export type SlotName = "A" | "B";

/** One of the two slot groups, each a kernel and the root that it carries the hash of. */
export interface SlotState {
  readonly name: SlotName;
  readonly booted: boolean;
  /** Whether it was marked good since it was last written. */
  readonly good: boolean;
  /** The version that is in it; left out where nobody wrote that down. */
  readonly version?: string;
}

/** What a bundle says of itself, once its signature was verified. */
export interface BundleInfo {
  /** Semantic version (semver 2.0.0). */
  readonly version: string;
  /** RAUC's `compatible`, such as `umec-virt`. */
  readonly compatible: string;
  /** Lower-case hex, over the whole file. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Writes systems into slots: RAUC on a board, a folder with two files in tests. */
export interface UpdateEngine {
  slots(signal: AbortSignal): Promise<readonly SlotState[]>;
  /**
   * Verifies the bundle and writes it into the slot that is not booted, which is the first in the boot order afterwards.
   * Nothing is written of a bundle that is refused.
   *
   * @throws UmecError `UPDATE_REFUSED`, whose message has the reason; `UPDATE_FAILED` when it could not be written
   */
  install(path: string, options: InstallOptions): Promise<BundleInfo>;
  /** Restarts the machine into the first slot of the boot order. Does not resolve where that works. */
  restart(): Promise<void>;
}

export interface InstallOptions {
  signal: AbortSignal;
  /** Lets in an older version or another board's, base64; see UpdateOrder. @default none */
  permit?: string;
  /** Of the installation, 0 to 100. */
  onProgress?(percent: number): void;
}

/**
 * What the hub, or a person at the node, wants the node's system to be. The hub keeps it as the node's document `update`
 * (JSON); it stays until another takes its place.
 */
export interface UpdateOrder {
  /** Names the rollout, so that its reports are told apart: lower-case letters, digits and dashes. */
  readonly id: string;
  readonly bundle: BundleInfo;
  /** Why the version may be older than what runs: a permit that was signed for it, base64. */
  readonly permit?: string;
}

export type UpdatePhase =
  | "ordered"
  | "fetching"
  | "fetched"
  | "installing"
  | "installed"
  | "restarting"
  | "trying"
  | "good"
  | "refused"
  | "failed"
  | "fell-back";

/** One step of an update as the hub learns of it, on the node's chain of the plugin `update`. */
export interface UpdateReport {
  /** The order's; left out for an update that nobody ordered by the hub. */
  readonly id?: string;
  readonly phase: UpdatePhase;
  readonly from?: string;
  readonly to?: string;
  /** For people: `plugin rs485 did not sample in 120 s`. */
  readonly reason?: string;
}
