/**
 * Samples as an energy meter and a climate sensor of a building give them: names of two segments, values that
 * wander by small steps and have one or two decimals, some integers, a counter. The same ones in every run.
 */
import type { Sample } from "../../runtime/plugin/contract.ts";
import { encodeRecord } from "../../runtime/senml/cbor.ts";

interface Quantity {
  name: string;
  unit?: string;
  /** Start, largest step, decimals. */
  from: number;
  step: number;
  decimals: number;
  /** Only goes up. */
  counts?: boolean;
}

const quantities: readonly Quantity[] = [
  { name: "voltage-l1", unit: "V", from: 230.4, step: 0.4, decimals: 1 },
  { name: "voltage-l2", unit: "V", from: 229.8, step: 0.4, decimals: 1 },
  { name: "voltage-l3", unit: "V", from: 231.1, step: 0.4, decimals: 1 },
  { name: "current-l1", unit: "A", from: 4.27, step: 0.15, decimals: 2 },
  { name: "current-l2", unit: "A", from: 3.91, step: 0.15, decimals: 2 },
  { name: "current-l3", unit: "A", from: 6.02, step: 0.15, decimals: 2 },
  { name: "power", unit: "W", from: 3260, step: 40, decimals: 0 },
  { name: "frequency", unit: "Hz", from: 49.98, step: 0.01, decimals: 2 },
  { name: "energy", unit: "Wh", from: 8_412_900, step: 1, decimals: 0, counts: true },
  { name: "temperature", unit: "Cel", from: 41.5, step: 0.1, decimals: 1 },
];

/** Draws from 0 to below 1, the same ones for the same seed (a linear congruence, Numerical Recipes). */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A device whose samples come one after another, all quantities in turn. */
export function createDevice(device: string, seed: number): (count: number) => Sample[] {
  const random = draws(seed);
  const values = quantities.map(({ from }) => from);
  let next = 0;
  const sample = (): Sample => {
    const i = next++ % quantities.length;
    const { name, unit, step, decimals, counts } = quantities[i]!;
    values[i]! += (counts ? random() : 2 * random() - 1) * step;
    const value = Number(values[i]!.toFixed(decimals));
    return { name: `${device}/${name}`, value, ...(unit !== undefined && { unit }) };
  };
  return (count) => Array.from({ length: count }, sample);
}

/** A pack's records as the outbox stores them: CBOR maps one after another. */
export function recordsOf(samples: readonly Sample[]): Uint8Array {
  return Buffer.concat(
    samples.map(({ name, value, unit }) =>
      encodeRecord({ n: name, v: value as number, ...(unit !== undefined && { u: unit }) }),
    ),
  );
}

/** `count` packs of `size` samples of one device. */
export function createPacks(device: string, seed: number, count: number, size: number): Uint8Array[] {
  const take = createDevice(device, seed);
  return Array.from({ length: count }, () => recordsOf(take(size)));
}
