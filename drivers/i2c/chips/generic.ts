/** Any device with registers of 8, 16, 24 or 32 bits, described in the options. */
import type { OptionFinding } from "../../../runtime/plugin/sdk.ts";
import { scaled, signed } from "../../common/numbers.ts";
import type { ChipType } from "../chip.ts";
import { valueError } from "../errors.ts";
import type { RegisterOptions } from "../options.ts";
import type { Port } from "../port.ts";
import { asBoolean, asNumber } from "../values.ts";

/** A register with nothing left to look up. */
interface Field {
  bytes: number;
  little: boolean;
  mask: number;
  shift: number;
  /** Of the value. */
  bits: number;
}

/** Bits are counted without JavaScript's operators: these take 32 bits as signed. */
function fieldOf({ bytes = 1, endian = "big", mask, shift }: RegisterOptions): Field {
  const all = mask ?? 2 ** (8 * bytes) - 1;
  const down = shift ?? lowestBit(all);
  return {
    bytes,
    little: endian === "little",
    mask: all,
    shift: down,
    bits: Math.max(1, Math.floor(Math.log2(all)) + 1 - down),
  };
}

function lowestBit(mask: number): number {
  let bit = 0;
  while (Math.floor(mask / 2 ** bit) % 2 === 0) bit += 1;
  return bit;
}

/** `number & mask`, unsigned. */
const masked = (number: number, mask: number): number => (number & mask) >>> 0;

export function decode(data: Buffer, options: RegisterOptions): number | boolean {
  const { bytes, little, mask, shift, bits } = fieldOf(options);
  const whole = little ? data.readUIntLE(0, bytes) : data.readUIntBE(0, bytes);
  const raw = masked(whole, mask);
  if (options.boolean) return raw !== 0;
  const number = Math.floor(raw / 2 ** shift);
  const { scale = 1, offset = 0 } = options;
  return scaled(options.signed ? signed(number, bits) : number, scale) + offset;
}

/** The bits to write, in their place. Throws `I2C_VALUE`. */
export function encode(value: unknown, options: RegisterOptions): number {
  const { mask, shift, bits } = fieldOf(options);
  if (options.boolean) return asBoolean(value) ? mask : 0;
  const number = asNumber(value);
  const { scale = 1, offset = 0, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = options;
  if (number < min || number > max) throw valueError(`${number} is not within ${min} to ${max}`);
  const raw = Math.round((number - offset) / scale);
  const [least, most] = options.signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  if (raw < least || raw > most) {
    const ends = [least, most].map((end) => scaled(end, scale) + offset).toSorted((a, b) => a - b);
    throw valueError(`${number} is not within ${ends.join(" to ")}, which ${bits} bits hold`);
  }
  return masked((raw < 0 ? raw + 2 ** bits : raw) * 2 ** shift, mask);
}

export const generic: ChipType = {
  name: "generic",
  summary: "Any device with registers, described in the options",
  options: ["registers"],
  required: ["registers"],
  check: ({ registers = {} }) =>
    Object.entries(registers).flatMap(([name, register]) =>
      [...checkRegister(register)].map((finding) => ({
        ...finding,
        pointer: `/registers/${name}${finding.pointer}`,
      })),
    ),
  quantities: ({ registers = {} }) =>
    Object.entries(registers).map(([name, { unit, access }]) => ({
      name,
      ...(unit !== undefined && { unit }),
      ...(access && { access }),
    })),
  create({ registers = {} }) {
    const readable = Object.entries(registers).filter(([, { access }]) => access !== "write");
    return {
      async sample(port) {
        const readings = [];
        for (const [quantity, options] of readable) {
          readings.push({ quantity, value: decode(await get(port, options), options) });
        }
        return readings;
      },
      async command(port, quantity, value) {
        const options = registers[quantity]!;
        const { bytes, little, mask } = fieldOf(options);
        const bits = encode(value, options);
        const data = Buffer.alloc(bytes);
        await port.together(async (held) => {
          const others = 2 ** (8 * bytes) - 1 - mask;
          // Bits beside the mask belong to somebody else.
          const old = others === 0 ? Buffer.alloc(bytes) : await get(held, options);
          const before = masked(little ? old.readUIntLE(0, bytes) : old.readUIntBE(0, bytes), others);
          if (little) data.writeUIntLE(before + bits, 0, bytes);
          else data.writeUIntBE(before + bits, 0, bytes);
          await set(held, options, data);
        });
        return decode(data, options);
      },
    };
  },
};

function get(port: Port, { register, bytes = 1 }: RegisterOptions): Promise<Buffer> {
  return register === undefined ? port.read(bytes) : port.readRegister(register, bytes);
}

function set(port: Port, { register }: RegisterOptions, data: Buffer): Promise<void> {
  return register === undefined ? port.write(data) : port.writeRegister(register, data);
}

function* checkRegister(options: RegisterOptions): Generator<OptionFinding> {
  const { bytes = 1, mask, shift = 0, scale } = options;
  if (mask !== undefined && mask >= 2 ** (8 * bytes)) {
    yield { pointer: "/mask", reason: `0x${mask.toString(16)} has bits beyond the register's ${8 * bytes}` };
  } else if (shift > 0 && masked(mask ?? 2 ** (8 * bytes) - 1, 2 ** shift - 1) !== 0) {
    yield { pointer: "/shift", reason: `a shift of ${shift} drops bits of the mask` };
  }
  if (scale === 0) yield { pointer: "/scale", reason: "a scale of 0 makes every value the same" };
  if ((options.min ?? Number.NEGATIVE_INFINITY) > (options.max ?? Number.POSITIVE_INFINITY)) {
    yield { pointer: "/min", reason: `${options.min} is above max, ${options.max}` };
  }
}
