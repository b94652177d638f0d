/** A chip's module against a simulated chip, without the driver around it: for tests. */
import { createTurns } from "../common/shared-bus/turns.ts";
import type { Chip } from "./chip.ts";
import { chipTypes } from "./chips.ts";
import { stuckError } from "./errors.ts";
import type { DeviceOptions } from "./options.ts";
import { createPort } from "./port.ts";
import { createSimulatedBus, type SimulatedBus, type SimulatedChip } from "./simulator.ts";

export interface ChipUnderTest {
  chip: Chip;
  bus: SimulatedBus;
  /** Milliseconds that the module waited for, in order. */
  waits: number[];
  prepare(): Promise<void>;
  /** One sample, by quantity. */
  sample(): Promise<Record<string, unknown>>;
  command(quantity: string, value: unknown): Promise<unknown>;
}

export function chipUnderTest(
  options: Omit<DeviceOptions, "address">,
  simulated: SimulatedChip,
): ChipUnderTest {
  const address = 0x48;
  const bus = createSimulatedBus();
  bus.attach(address, simulated);
  const waits: number[] = [];
  const sleep = async (ms: number): Promise<void> => void waits.push(ms);
  const port = createPort({ bus, turns: createTurns({ timeoutMs: 10_000, stuckError }), address, sleep });
  const chip = chipTypes[options.type].create({ ...options, address });
  return {
    chip,
    bus,
    waits,
    prepare: async () => chip.prepare?.(port),
    async sample() {
      const readings = await chip.sample(port);
      return Object.fromEntries(readings.map(({ quantity, value }) => [quantity, value]));
    },
    command: async (quantity, value) => chip.command!(port, quantity, value),
  };
}
