/** One device against a simulated chip, without the driver around it: for tests. */
import type { Reading } from "../common/shared-bus/bus-device.ts";
import { chipTypes } from "./chips.ts";
import type { DeviceOptions } from "./options.ts";
import { command, sample, type Wires } from "./program.ts";
import type { SimulatedChip } from "./simulator.ts";

export interface DeviceUnderTest {
  /** What was sent, as hexadecimal digits, one text a transfer. */
  sent: string[];
  /** Milliseconds that were waited for, in order. */
  waits: number[];
  sample(): Promise<Reading[]>;
  command(name: string, value: unknown): Promise<unknown>;
}

export function deviceUnderTest(
  options: Omit<DeviceOptions, "chipSelect">,
  chip: SimulatedChip,
): DeviceUnderTest {
  const program = chipTypes[options.type].program({ ...options, chipSelect: 0 });
  const sent: string[] = [];
  const waits: number[] = [];
  const wires: Wires = {
    async transfer(bytes) {
      sent.push(Buffer.from(bytes).toString("hex"));
      const answer = Buffer.alloc(bytes.length, 0xff);
      answer.set([...chip(Buffer.from(bytes))]);
      return answer;
    },
    wait: async (ms) => void waits.push(ms),
  };
  return {
    sent,
    waits,
    sample: () => sample(program, wires),
    command: (name, value) => command(program.commands![name]!, value, wires),
  };
}
