/**
 * What a device is, as data: the transfers of one sample and what their bytes mean. The types of `chips/` give it for
 * the chips that they know; a `generic` device has it in its options.
 */
import type { OptionFinding } from "../../runtime/plugin/sdk.ts";
import type { Quantity } from "../common/shared-bus/bus-device.ts";
import type { ByteTest, CommandOptions, DeviceOptions, TransferOptions } from "./options.ts";

/** A type of device. */
export interface ChipType {
  /** What `type` is in the options, and what the chip is called. */
  name: string;
  summary: string;
  /** Highest clock by the datasheet at the lowest usual supply, in hertz. */
  speedHz: number;
  /** Options that it takes beside those that every device has; `required` among them. */
  options: readonly (keyof DeviceOptions)[];
  required?: readonly (keyof DeviceOptions)[];
  /** What is wrong with options that fit the schema; pointers are below the device. */
  check?(options: DeviceOptions): OptionFinding[];
  program(options: DeviceOptions): Program;
}

export interface Program {
  /** What one sample does, in order. */
  transfers: readonly TransferOptions[];
  /** By name. */
  commands?: Readonly<Record<string, CommandOptions>>;
}

/** Whether a byte is as the test says; without `equals`: whether all bits of the mask are set. */
export function isMet({ at, mask = 0xff, equals }: ByteTest, bytes: Uint8Array): boolean {
  return (bytes[at]! & mask) === (equals ?? mask);
}

/** What a device with this program offers. */
export function quantitiesOf({ transfers, commands = {} }: Program): Quantity[] {
  const values = transfers.flatMap(({ values = {} }) =>
    Object.entries(values).map(
      ([name, { unit }]): Quantity => ({ name, ...(unit !== undefined && { unit }) }),
    ),
  );
  const writable = Object.entries(commands).map(([name, { send, unit, min, max }]): Quantity => {
    const limits = { ...(min !== undefined && { minimum: min }), ...(max !== undefined && { maximum: max }) };
    return {
      name,
      access: "write",
      ...(unit !== undefined && { unit }),
      ...(send.includes("{value}") && { schema: { type: "number", ...limits } }),
    };
  });
  return [...values, ...writable];
}
