/**
 * Thermometers with the registers of the LM75.
 *
 * TMP105: TI SLLS648D, "Pointer Register" (Table 2), "Temperature Register" (Tables 3 to 5), "Configuration
 * Register" (resolution R1 R0 in bits 6 and 5, shutdown SD in bit 0). LM75, LM75A: 9 bits; LM75B: 11 bits.
 */
import { signed } from "../../common/numbers.ts";
import type { Chip, ChipType } from "../chip.ts";

const temperature = 0x00;
const configuration = 0x01;
const resolutionField = 0b0110_0000;
const shutdown = 0b0000_0001;

/** The value of a temperature register: two's complement from its highest bit on, 1/256 °C a step of the whole. */
export function celsius(register: Buffer, bits: number): number {
  const raw = register.readUInt16BE(0) >> (16 - bits);
  return signed(raw, bits) / 2 ** (bits - 8);
}

function thermometer(bits: number, setting: (config: number) => number): Chip {
  return {
    async prepare(port) {
      await port.together(async (held) => {
        const [config] = await held.readRegister(configuration, 1);
        const wanted = setting(config!);
        if (wanted !== config) await held.writeRegister(configuration, [wanted]);
      });
    },
    async sample(port) {
      const value = celsius(await port.readRegister(temperature, 2), bits);
      return [{ quantity: "temperature", value }];
    },
  };
}

const quantities = () => [{ name: "temperature", unit: "Cel" }];

export const tmp105: ChipType = {
  name: "tmp105",
  summary: "TMP105, TMP75, TMP175 thermometer",
  options: ["resolutionBits"],
  quantities,
  create({ resolutionBits = 12 }) {
    // Also at 9 bits the register has 12, the lowest of them zero.
    const field = (resolutionBits - 9) << 5;
    return thermometer(12, (config) => (config & ~resolutionField & ~shutdown & 0x7f) | field);
  },
};

export const lm75: ChipType = {
  name: "lm75",
  summary: "LM75, LM75A, LM75B thermometer",
  options: ["resolutionBits"],
  check: ({ resolutionBits = 9 }) =>
    resolutionBits === 9 || resolutionBits === 11
      ? []
      : [{ pointer: "/resolutionBits", reason: `an LM75 has 9 or 11 bits, not ${resolutionBits}` }],
  quantities,
  create: ({ resolutionBits = 9 }) => thermometer(resolutionBits, (config) => config & ~shutdown),
};
