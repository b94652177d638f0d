import type { Item } from "../drivers/modbus/plan.ts";

/** `count` values of `width` registers, each `stride` after the last, from `address` on. */
interface Cluster {
  what: string;
  table: "input" | "holding";
  address: number;
  count: number;
  width: number;
  stride: number;
}

/**
 * 200 values laid out as in the manuals of three-phase energy meters: instant values as 32-bit floats in blocks
 * for each phase with reserved registers between, counters as 64-bit integers, harmonics, and settings apart.
 */
const clusters: readonly Cluster[] = [
  { what: "voltages, currents, powers by phase", table: "input", address: 0, count: 18, width: 2, stride: 2 },
  {
    what: "phase angles, after reserved registers",
    table: "input",
    address: 42,
    count: 6,
    width: 2,
    stride: 4,
  },
  { what: "sums", table: "input", address: 70, count: 8, width: 2, stride: 2 },
  {
    what: "line to line voltages, neutral current",
    table: "input",
    address: 200,
    count: 12,
    width: 2,
    stride: 2,
  },
  { what: "power factors", table: "input", address: 230, count: 4, width: 2, stride: 6 },
  { what: "distortion by phase", table: "input", address: 262, count: 14, width: 2, stride: 2 },
  { what: "energy by phase and tariff", table: "input", address: 512, count: 32, width: 4, stride: 4 },
  { what: "energy sums", table: "input", address: 700, count: 8, width: 4, stride: 8 },
  { what: "harmonics of L1, odd ones", table: "input", address: 1000, count: 20, width: 1, stride: 2 },
  { what: "harmonics of L2, odd ones", table: "input", address: 1064, count: 20, width: 1, stride: 2 },
  { what: "harmonics of L3, odd ones", table: "input", address: 1128, count: 20, width: 1, stride: 2 },
  { what: "demands with their times", table: "input", address: 1300, count: 10, width: 2, stride: 5 },
  { what: "identification", table: "holding", address: 0, count: 6, width: 1, stride: 1 },
  { what: "transformer ratios", table: "holding", address: 20, count: 6, width: 2, stride: 2 },
  { what: "status words", table: "holding", address: 300, count: 10, width: 1, stride: 3 },
  { what: "limits", table: "holding", address: 340, count: 6, width: 2, stride: 4 },
];

export const meterMap: readonly Item[] = clusters.flatMap(({ table, address, count, width, stride }) =>
  Array.from({ length: count }, (_, i): Item => ({ table, address: address + i * stride, width })),
);
