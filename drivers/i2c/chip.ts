/**
 * What a chip's module gives: one file a family in `chips/`, each with its datasheet. A module knows registers and
 * formulas; when it is asked, what happens when it is silent and what is emitted is none of its business.
 */
import type { OptionFinding } from "../../runtime/plugin/sdk.ts";
import type { Quantity, Reading } from "../common/shared-bus/bus-device.ts";
import type { DeviceOptions } from "./options.ts";
import type { Port } from "./port.ts";

/** One device at work. Calls reject with an error of the port, or `I2C_DATA`. */
export interface Chip {
  /** Brings it into the state that `sample` needs; before the first sample and after each failure. */
  prepare?(port: Port): Promise<void>;
  sample(port: Port): Promise<Reading[]>;
  /** Writes a quantity that can be written; gives the value as it then is. Throws `I2C_VALUE`. */
  command?(port: Port, quantity: string, value: unknown): Promise<unknown>;
}

/** A type of device. */
export interface ChipType {
  /** What `type` is in the options, and what the chip is called. */
  name: string;
  summary: string;
  /** Options that it takes beside those that every device has; `required` among them. */
  options: readonly (keyof DeviceOptions)[];
  required?: readonly (keyof DeviceOptions)[];
  /** What is wrong with options that fit the schema; pointers are below the device. */
  check?(options: DeviceOptions): OptionFinding[];
  quantities(options: DeviceOptions): Quantity[];
  create(options: DeviceOptions): Chip;
}
