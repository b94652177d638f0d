/** The words that the store of objects shares with the composition root and the status. */

/** An object that will never reach the hub. */
export interface LostObject {
  plugin: string;
  /** Below the plugin. */
  name: string;
  bytes: number;
  /** `quota`: it made room for younger ones. `disk-full`: so did it, as the disk had none. `damaged`: unreadable. */
  reason: "quota" | "disk-full" | "damaged";
}

export interface ObjectsStats {
  waiting: number;
  usedBytes: number;
  quotaBytes: number;
  /** Since the start of the process. */
  stored: number;
  sent: number;
  sentBytes: number;
  lost: number;
}

export interface UploadStats {
  /** `off`: no link is configured. `refused`: the hub answers, but does not store; see `reason`. */
  state: "off" | "down" | "idle" | "sending" | "refused";
  reason?: string;
}
