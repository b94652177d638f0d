/**
 * Microchip MCP3004 and MCP3008: 4 or 8 inputs, 10 bits.
 *
 * DS21295D: section 4.2 (code = 1024 × VIN / VREF), section 5.0 with Tables 5-1 and 5-2 (start bit, SGL/DIFF, D2 to
 * D0, null bit), section 6.1 and Figure 6-1 (as three bytes of a microcontroller; SPI modes 0 and 3), "Timing
 * parameters" (1.35 MHz at 2.7 V). A difference below 0 reads as 0.
 */
import type { OptionFinding } from "../../../runtime/plugin/sdk.ts";
import type { ChipType } from "../chip.ts";
import { hex } from "../errors.ts";
import { type ChannelOptions, type DeviceOptions, defaults, type TransferOptions } from "../options.ts";

const start = 0x01;
const single = 0x80;

/** SGL/DIFF, D2, D1, D0 in the four upper bits. A difference is named by its IN+; D0 says which of the pair that is. */
function control(input: ChannelOptions["input"]): number {
  return (input.includes("-") ? 0 : single) | (Number(input[0]) << 4);
}

function transfer(
  name: string,
  { input, convert = [], unit = "V" }: ChannelOptions,
  volts: number,
): TransferOptions {
  return {
    send: `${hex(start).slice(2)} ${hex(control(input)).slice(2)} 00`,
    expect: [{ at: 1, mask: 0x04, equals: 0, reason: "no null bit before the value" }],
    values: {
      [name]: {
        at: 1,
        type: "uint16",
        bitCount: 10,
        convert: [{ multiply: volts }, { divide: 1024 }, { round: 9 }, ...convert],
        unit,
      },
    },
  };
}

function chip(name: "mcp3004" | "mcp3008", pins: number): ChipType {
  return {
    name,
    summary: `${name.toUpperCase()} analogue-to-digital converter, ${pins} inputs`,
    speedHz: 1_000_000,
    options: ["channels", "referenceVolts"],
    required: ["channels"],
    check: ({ channels = {} }: DeviceOptions): OptionFinding[] =>
      Object.entries(channels)
        .filter(([, { input }]) => Number(input[0]) >= pins)
        .map(([channel, { input }]) => ({
          pointer: `/channels/${channel}/input`,
          reason: `a ${name} has no input ${input}`,
          hint: `its inputs are 0 to ${pins - 1}`,
        })),
    program: ({ channels = {}, referenceVolts = defaults.referenceVolts }) => ({
      transfers: Object.entries(channels).map(([channel, options]) =>
        transfer(channel, options, referenceVolts),
      ),
    }),
  };
}

export const mcp3004 = chip("mcp3004", 4);
export const mcp3008 = chip("mcp3008", 8);
