import assert from "node:assert/strict";
import type { HubSample } from "../runtime/hub/sample.ts";
import { guestNames } from "./kit/devices/guest-names.ts";
import { type SerialPort, serialPort } from "./kit/devices/serial/attachment.ts";
import type { MachineName } from "./kit/devices/types.ts";

/** A register outside that counts how often it was read: each value is seen by the node once, so a loss has a name. */
export interface Counter {
  readonly line: SerialPort;
  readonly plugins: Readonly<Record<string, unknown>>;
  /** How often it was read until now. */
  readonly count: number;
  /** The power goes now: what was read in the last `unsureMs` may not have been acknowledged by the node yet. */
  cut(): void;
  /**
   * Nothing lost, nothing twice, nothing out of order. @throws AssertionError with the numbers that are wrong
   */
  verify(samples: readonly HubSample[]): void;
}

/** What a node needs at most from the answer on the line until the sample is on its disk, on a loaded machine. */
const unsureMs = 1500;

export function createCounter(machine: MachineName): Counter {
  const readAtMs: number[] = [];
  const cutsAtMs: number[] = [];
  const line = serialPort({
    units: {
      1: {
        read(table, address) {
          if (table !== "holding" || address !== 0) return undefined;
          readAtMs.push(performance.now());
          return readAtMs.length - 1;
        },
      },
    },
  });
  const registers = { count: { address: 0 } };
  const options = {
    transport: "serial",
    path: guestNames[machine].serial,
    units: { counter: { unit: 1, intervalMs: 100, registers } },
  };
  const mayBeLost = (count: number) =>
    cutsAtMs.some((cut) => readAtMs[count]! <= cut && cut - readAtMs[count]! < unsureMs);
  return {
    line,
    plugins: { line: { driver: "modbus", options } },
    get count() {
      return readAtMs.length;
    },
    cut: () => void cutsAtMs.push(performance.now()),
    verify(samples) {
      const values = samples.map(({ value }) => Number(value));
      const twice = values.filter((value, i) => values.indexOf(value) !== i);
      assert.deepEqual(twice, [], "stored twice");
      assert.deepEqual(
        values,
        values.toSorted((a, b) => a - b),
        "out of order",
      );
      const stored = new Set(values);
      const last = Math.max(...values);
      const lost = Array.from({ length: last }, (_, i) => i).filter((i) => !stored.has(i) && !mayBeLost(i));
      assert.deepEqual(
        lost,
        [],
        `lost of ${last + 1}, cuts at ${cutsAtMs.map((ms) => ms.toFixed(0)).join(", ")} ms`,
      );
    },
  };
}
