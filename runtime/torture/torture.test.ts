/**
 * The model test of outbox and link: random lives of a node against a real hub, and the promise after each.
 *
 * 200 cases here, the same each time, so that a red run speaks of the change; `npm run torture` draws 10,000 new
 * ones, `UMEC_TORTURE_CASES` any number. `UMEC_TORTURE_SEED` and `UMEC_TORTURE_PATH` repeat one that failed.
 */
import { test } from "node:test";
import fc from "fast-check";
import { cases } from "./actions.ts";
import { startRig } from "./rig.ts";
import { runCase } from "./run-case.ts";

const drawn = process.env.UMEC_TORTURE_CASES;
const count = Number(drawn ?? 200);
const seed = Number(
  process.env.UMEC_TORTURE_SEED ?? (drawn === undefined ? 232_524_219 : Date.now() % 2 ** 31),
);
const path = process.env.UMEC_TORTURE_PATH;

test(`the promise is kept in ${count} random lives (seed ${seed})`, {
  timeout: Number.POSITIVE_INFINITY,
}, async (t) => {
  t.diagnostic(`seed ${seed}`);
  await using rig = await startRig();
  let number = 0;
  const property = fc.asyncProperty(cases, async (life) => {
    number++;
    if (process.stderr.isTTY) process.stderr.write(`\rlife ${number} of ${count}`);
    await runCase(rig, `c${seed}-${number}`, life);
  });
  // A smaller failing case takes minutes to find, and the seed is enough to see it again.
  await fc.assert(property, {
    numRuns: count,
    seed,
    endOnFailure: true,
    ...(path !== undefined && { path }),
  });
});
