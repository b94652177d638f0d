import type { DeviceAttachment, MachineName } from "../kit/devices/types.ts";
import type { Board, Hub } from "../kit/index.ts";

export const node = "lamp-0042";

/** What one plugin on a board shows. Boards take long to start, so those that do not harm each other share one. */
export interface BusStory {
  name: string;
  /** Of node.yaml. No two stories have the same plugin or device. */
  plugins: Readonly<Record<string, object>>;
  devices: readonly DeviceAttachment[];
  tell(at: { board: Board; hub: Hub }): Promise<void>;
}

export type MakeBusStory = (machine: MachineName) => BusStory | Promise<BusStory>;
