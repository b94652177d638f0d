import assert from "node:assert/strict";
import type { HubSample } from "../runtime/hub/sample.ts";
import { guestNames } from "./kit/devices/guest-names.ts";
import { type SerialPort, serialPort } from "./kit/devices/serial/attachment.ts";
import type { MachineName } from "./kit/devices/types.ts";
import type { Hub } from "./kit/hub.ts";
import type { SampleQuery } from "./kit/hub-follow.ts";

/** A register outside that counts how often it was read: each value is seen by the node once, so a loss has a name. */
export interface Counter {
  readonly line: SerialPort;
  readonly plugins: Readonly<Record<string, unknown>>;
  /** How often it was read until now. */
  readonly count: number;
  /** The power goes now: what was read in the last `unsureMs` may not have been acknowledged by the node yet. */
  cut(): void;
  /**
   * Nothing lost, nothing twice, nothing out of order. Live samples come before the backlog, so it waits for all that
   * lie below the largest that is stored when it is called.
   *
   * @throws AssertionError with the numbers that are wrong
   */
  verify(hub: Hub, series: SampleQuery): Promise<void>;
}

/** What a node needs at most from the answer on the line until the sample is on its disk, on a loaded machine. */
const unsureMs = 3000;
/** What the backlog needs at most after the link is up. */
const backlogMs = 120_000;

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
    units: { counter: { unit: 1, intervalMs: 500, registers } },
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
    async verify(hub, series) {
      const missing = new Set(numbersUpTo(await hub.samples(series)).filter((count) => !mayBeLost(count)));
      const isThere = ({ value }: HubSample) => missing.delete(Number(value)) && missing.size === 0;
      if (missing.size > 0)
        await hub.sample({ ...series, where: isThere, timeoutMs: backlogMs }).catch(() => 0);
      const values = (await hub.samples(series)).map(({ value }) => Number(value));
      const ascending = values.toSorted((a, b) => a - b);
      assert.deepEqual(
        ascending.filter((value, i) => value === ascending[i - 1]),
        [],
        "stored twice",
      );
      assert.deepEqual(values, ascending, "out of order");
      const cuts = cutsAtMs.map((ms) => ms.toFixed(0)).join(", ");
      const lost = [...missing].map((count) => `${count} at ${readAtMs[count]!.toFixed(0)} ms`);
      assert.deepEqual(lost, [], `lost, with cuts at ${cuts} ms`);
    },
  };
}

/** All that must have been read when the largest of these was. */
function numbersUpTo(samples: readonly HubSample[]): number[] {
  const largest = samples.reduce((max, { value }) => Math.max(max, Number(value)), -1);
  return Array.from({ length: largest + 1 }, (_, i) => i);
}
