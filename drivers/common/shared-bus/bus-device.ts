import type { Point, Sample, UmecError } from "../../../runtime/plugin/sdk.ts";

/** One value of a device, without the device's name. */
export interface Reading extends Pick<Sample, "value" | "quality" | "reason"> {
  /** Name below the device. */
  quantity: string;
}

/** A point of the plugin, without the device's name. */
export interface Quantity extends Point {}

/** One of the devices that share a bus, as the loop that samples it sees it. */
export interface BusDevice {
  name: string;
  /** For messages: `hall (tmp105 at 0x48)`. */
  title: string;
  /** Time between two samples, in milliseconds. */
  everyMs: number;
  quantities: readonly Quantity[];
  /** Before the first sample and after each failure. */
  prepare?(): Promise<void>;
  /** All values now; none while the device has nothing to tell yet. */
  sample(): Promise<readonly Reading[]>;
  /** Writes a quantity that can be written; gives the value as it then is. */
  write?(quantity: string, value: unknown): Promise<unknown>;
  /**
   * What an error of the calls above means: `device` is asked again later, `bus` is the end of all its devices,
   * `mistake` is one in the program, or the plugin's end.
   */
  judge(error: unknown): { kind: "device" | "bus"; error: UmecError } | { kind: "mistake" };
}
