/**
 * TI ADS1115: four voltages, 16 bits.
 *
 * SBAS444: "Conversion Register" and "Config Register" (OS, MUX, PGA, MODE, DR, COMP_QUE). Each input is one
 * single-shot conversion at 128 samples per second, so it does not matter what the chip was set to before.
 */
import { rounded } from "../../common/numbers.ts";
import type { Chip, ChipType } from "../chip.ts";
import { dataError } from "../errors.ts";
import type { ChannelOptions } from "../options.ts";
import type { Port } from "../port.ts";

const conversion = 0x00;
const config = 0x01;
const start = 0x8000;
const multiplexer = { "0-1": 0, "0-3": 1, "1-3": 2, "2-3": 3, "0": 4, "1": 5, "2": 6, "3": 7 } as const;
const ranges = [6.144, 4.096, 2.048, 1.024, 0.512, 0.256];
/** MODE single-shot, DR 128 SPS, comparator off. */
const fixed = 0x0100 | (4 << 5) | 0x0003;
/** 1/128 s, and 10 % by which the chip's clock may be slow. */
const conversionMs = 9;

export const ads1115: ChipType = {
  name: "ads1115",
  summary: "ADS1115 analogue-to-digital converter, 4 inputs",
  options: ["channels"],
  required: ["channels"],
  quantities: ({ channels = {} }) =>
    Object.entries(channels).map(([name, { unit = "V" }]) => ({ name, unit })),
  create({ channels = {} }): Chip {
    return {
      async sample(port) {
        const readings = [];
        for (const [quantity, channel] of Object.entries(channels)) {
          readings.push({ quantity, value: await convert(port, channel) });
        }
        return readings;
      },
    };
  },
};

async function convert(port: Port, channel: ChannelOptions): Promise<number> {
  const { input, fullScaleVolts = 2.048, scale = 1, offset = 0 } = channel;
  const word = start | (multiplexer[input] << 12) | (ranges.indexOf(fullScaleVolts) << 9) | fixed;
  await port.writeRegister(config, [word >> 8, word & 0xff]);
  await port.wait(conversionMs);
  for (let tries = 0; tries < 5; tries += 1) {
    const status = (await port.readRegister(config, 2)).readUInt16BE(0);
    if ((status & start) !== 0) {
      const raw = (await port.readRegister(conversion, 2)).readInt16BE(0);
      return rounded((raw * fullScaleVolts * scale) / 32_768 + offset, 9);
    }
    await port.wait(1);
  }
  throw dataError(`the conversion of input ${input} does not end`);
}
