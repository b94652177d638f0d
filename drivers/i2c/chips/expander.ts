/**
 * Pins by the eight or sixteen: expanders with registers for input, output and direction.
 *
 * PCA9554: NXP "PCA9554; PCA9554A", section "Registers" (0 input, 1 output, 2 polarity, 3 configuration). MCP23017:
 * Microchip DS20001952, Table 3-1 (IOCON.BANK = 0: pairs of registers, A before B).
 *
 * After power-up all pins are inputs. So a pin that shall drive and is an input tells that the chip lost its power: then
 * outputs get the value of the last command, or `initial`, before they drive. Outputs that drive already are left as
 * they are: a restart of the node moves nothing.
 */
import type { OptionFinding } from "../../../runtime/plugin/sdk.ts";
import type { Chip, ChipType } from "../chip.ts";
import type { DeviceOptions, PinOptions } from "../options.ts";
import type { Port } from "../port.ts";
import { asBoolean } from "../values.ts";

interface Registers {
  /** In each. */
  bytes: 1 | 2;
  input: number;
  output: number;
  /** A bit that is set makes an input. */
  direction: number;
  pullUp?: number;
}

function create({ pins = {} }: DeviceOptions, registers: Registers): Chip {
  const { bytes } = registers;
  const list = Object.entries(pins);
  const bitsOf = (fits: (pin: PinOptions) => unknown): number =>
    list.reduce((bits, [, pin]) => (fits(pin) ? bits | (1 << pin.pin) : bits), 0);
  const outputs = bitsOf(({ direction }) => direction === "out");
  const named = bitsOf(() => true);
  const pullUps = bitsOf(({ pullUp }) => pullUp);
  const activeLow = bitsOf((pin) => pin.activeLow);
  /** Levels that the outputs are to have. */
  let wanted = bitsOf(({ initial = false, activeLow = false }) => initial !== activeLow) & outputs;

  const get = async (port: Port, register: number): Promise<number> =>
    (await port.readRegister(register, bytes)).readUIntLE(0, bytes);
  const set = (port: Port, register: number, bits: number): Promise<void> =>
    port.writeRegister(register, bytes === 2 ? [bits & 0xff, bits >> 8] : [bits]);

  async function restore(port: Port, direction: number): Promise<void> {
    const level = await get(port, registers.output);
    const asleep = outputs & direction;
    // Pins that drive already keep their level, and are what is wanted from now on.
    wanted = (wanted & asleep) | (level & outputs & ~asleep);
    await set(port, registers.output, (level & ~asleep) | (wanted & asleep));
    await set(port, registers.direction, (direction & ~outputs) | (named & ~outputs));
    if (registers.pullUp === undefined) return;
    const pulled = await get(port, registers.pullUp);
    await set(port, registers.pullUp, (pulled & ~named) | pullUps);
  }

  return {
    prepare: (port) => port.together(async (held) => restore(held, await get(held, registers.direction))),
    async sample(port) {
      const levels = await port.together(async (held) => {
        const direction = await get(held, registers.direction);
        if ((direction & named) !== (named & ~outputs)) await restore(held, direction);
        return get(held, registers.input);
      });
      return list.map(([quantity, { pin }]) => ({
        quantity,
        value: ((levels ^ activeLow) & (1 << pin)) !== 0,
      }));
    },
    async command(port, quantity, value) {
      const on = asBoolean(value);
      const bit = 1 << pins[quantity]!.pin;
      const high = on !== ((activeLow & bit) !== 0);
      await port.together(async (held) => {
        const level = await get(held, registers.output);
        await set(held, registers.output, high ? level | bit : level & ~bit);
      });
      wanted = high ? wanted | bit : wanted & ~bit;
      return on;
    },
  };
}

function check({ pins = {} }: DeviceOptions, registers: Registers): OptionFinding[] {
  const findings: OptionFinding[] = [];
  const owners = new Map<number, string>();
  for (const [name, { pin, pullUp }] of Object.entries(pins)) {
    const pointer = `/pins/${name}`;
    const owner = owners.get(pin);
    if (owner === undefined) owners.set(pin, name);
    else findings.push({ pointer: `${pointer}/pin`, reason: `pin ${pin} is ${owner} already` });
    if (pin >= 8 * registers.bytes) {
      findings.push({ pointer: `${pointer}/pin`, reason: `there are pins 0 to ${8 * registers.bytes - 1}` });
    }
    if (pullUp && registers.pullUp === undefined) {
      findings.push({
        pointer: `${pointer}/pullUp`,
        reason: "this chip has no pull-ups that can be switched",
      });
    }
  }
  return findings;
}

function expander(name: string, summary: string, registers: Registers): ChipType {
  return {
    name,
    summary,
    options: ["pins"],
    required: ["pins"],
    check: (options) => check(options, registers),
    quantities: ({ pins = {} }) =>
      Object.entries(pins).map(([quantity, { direction }]) => ({
        name: quantity,
        access: direction === "out" ? "read-write" : "read",
      })),
    create: (options) => create(options, registers),
  };
}

export const pca9554 = expander("pca9554", "PCA9554, TCA9554, PCA9534: 8 pins", {
  bytes: 1,
  input: 0x00,
  output: 0x01,
  direction: 0x03,
});

export const mcp23017 = expander("mcp23017", "MCP23017: 16 pins", {
  bytes: 2,
  input: 0x12,
  output: 0x14,
  direction: 0x00,
  pullUp: 0x0c,
});
