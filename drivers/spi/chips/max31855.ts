/**
 * Maxim MAX31855: a thermocouple, with the temperature of its cold junction.
 *
 * 19-5793 Rev 5: Table 2 and Table 3 (memory map: D31 to D18 thermocouple in 0.25 °C, D17 and D3 always 0, D16 any
 * fault, D15 to D4 cold junction in 0.0625 °C, D2 short to VCC, D1 short to GND, D0 open), Table 4 and Table 5
 * (examples), "Serial-Interface Timing Characteristics" (5 MHz). The chip converts every 70 to 100 ms by itself; a
 * transfer shorter than that is one conversion.
 *
 * Thirty-two zeros are 0 °C at both ends, and just as well a line that nobody drives: such a value is uncertain.
 */
import type { ChipType } from "../chip.ts";
import type { TransferOptions } from "../options.ts";

const transfer: TransferOptions = {
  send: "00 00 00 00",
  zeros: "uncertain",
  expect: [
    { at: 1, mask: 0x02, equals: 0, reason: "D17 is never 1" },
    { at: 3, mask: 0x08, equals: 0, reason: "D3 is never 1" },
  ],
  values: {
    temperature: {
      at: 0,
      type: "int32",
      lowestBit: 18,
      bitCount: 14,
      convert: [{ multiply: 0.25 }],
      unit: "Cel",
      faults: [
        { at: 3, mask: 0x01, reason: "the thermocouple is open" },
        { at: 3, mask: 0x02, reason: "the thermocouple is shorted to GND" },
        { at: 3, mask: 0x04, reason: "the thermocouple is shorted to VCC" },
        { at: 1, mask: 0x01, reason: "the chip tells of a fault" },
      ],
    },
    "cold-junction": {
      at: 2,
      type: "int16",
      lowestBit: 4,
      convert: [{ multiply: 0.0625 }],
      unit: "Cel",
    },
  },
};

export const max31855: ChipType = {
  name: "max31855",
  summary: "MAX31855 thermocouple converter",
  speedHz: 5_000_000,
  options: [],
  program: () => ({ transfers: [transfer] }),
};
