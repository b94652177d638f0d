/**
 * The model test of outbox and link: random lives of a node against a real hub, and the promise after each.
 *
 * 30 cases here, the same each time, so that a red run speaks of the change; `npm run torture` draws 10,000 new
 * ones, `UMEC_TORTURE_CASES` any number. `UMEC_TORTURE_SEED` and `UMEC_TORTURE_PATH` repeat one that failed.
 */
import { test } from "node:test";
import fc from "fast-check";
import { cases } from "./actions.ts";
import { startRig } from "./rig.ts";
import { runCase } from "./run-case.ts";

const drawn = process.env.UMEC_TORTURE_CASES;
const count = Number(drawn ?? 30);
const seed = Number(
  process.env.UMEC_TORTURE_SEED ?? (drawn === undefined ? 232_524_219 : Date.now() % 2 ** 31),
);
const path = process.env.UMEC_TORTURE_PATH;

// Two lives at a time, each lane with draws of its own; one lane to repeat a life that failed.
const lanes = path === undefined ? 2 : 1;

test(`the promise is kept in ${count} random lives (seed ${seed})`, {
  timeout: Number.POSITIVE_INFINITY,
}, async (t) => {
  let number = 0;
  const inLane = async (lane: number): Promise<void> => {
    t.diagnostic(`seed ${seed + lane}`);
    await using rig = await startRig();
    const property = fc.asyncProperty(cases, async (life) => {
      number++;
      if (process.stderr.isTTY) process.stderr.write(`\rlife ${number} of ${count}`);
      await runCase(rig, `c${seed}-${number}`, life);
    });
    // A smaller failing case takes minutes to find, and the seed is enough to see it again.
    await fc.assert(property, {
      numRuns: Math.ceil(count / lanes),
      seed: seed + lane,
      endOnFailure: true,
      ...(path !== undefined && { path }),
    });
  };
  const ended = await Promise.allSettled(Array.from({ length: lanes }, (_, lane) => inLane(lane)));
  for (const lane of ended) if (lane.status === "rejected") throw lane.reason;
});
