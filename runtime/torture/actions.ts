import fc from "fast-check";
import type { Lane } from "../plugin/contract.ts";

/** What can happen to a node. Waits are in milliseconds, and short: what matters is what meets what. */
export type Action =
  | {
      kind: "emit";
      plugin: number;
      lane: Lane;
      packs: number;
      samples: number;
      padBytes: number;
      wait: boolean;
    }
  | { kind: "pass"; ms: number }
  | { kind: "kill"; afterMs: number }
  | { kind: "restart" }
  | { kind: "damage"; at: number[]; mask: number; log: boolean }
  | { kind: "cut"; ms: number }
  | { kind: "stall"; ms: number }
  | { kind: "hub-kill" }
  | { kind: "hub-pause"; ms: number }
  | { kind: "bus-kill" }
  | { kind: "disk-full"; bytes: number; packs: number }
  | { kind: "clock"; years: number; known: boolean };

export interface Case {
  quotaBytes: number;
  actions: Action[];
}

const lane = fc.constantFrom<Lane>("alarm", "telemetry", "telemetry", "bulk");
const emit = fc.record({
  kind: fc.constant("emit" as const),
  plugin: fc.nat(1),
  lane,
  packs: fc.integer({ min: 1, max: 30 }),
  samples: fc.integer({ min: 1, max: 5 }),
  padBytes: fc.constantFrom(0, 0, 20, 700),
  wait: fc.boolean(),
});
const short = fc.integer({ min: 0, max: 60 });

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: emit },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: short }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("kill" as const), afterMs: fc.integer({ min: 0, max: 25 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("damage" as const),
      at: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
      mask: fc.integer({ min: 1, max: 255 }),
      log: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("cut" as const), ms: short }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("stall" as const), ms: fc.integer({ min: 50, max: 700 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("hub-kill" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("hub-pause" as const), ms: fc.integer({ min: 20, max: 500 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("bus-kill" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("disk-full" as const),
      bytes: fc.integer({ min: 8, max: 300 }).map((kib) => kib * 1024),
      packs: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("clock" as const),
      years: fc.constantFrom(-50, -1, 0, 3),
      known: fc.boolean(),
    }),
  },
);

export const cases: fc.Arbitrary<Case> = fc.record({
  // The small one is overrun by a few emits while the link is cut.
  quotaBytes: fc.constantFrom(256 * 1024, 512 * 1024, 64 * 1024 * 1024),
  actions: fc.array(action, { minLength: 3, maxLength: 14 }),
});
