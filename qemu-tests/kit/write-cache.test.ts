import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Blocks } from "./blocks.ts";
import { seededRandom } from "./random.ts";
import { WriteCache } from "./write-cache.ts";

const sector = 512;
const sectors = 16;

function memory(): Blocks & { data: Buffer } {
  const data = Buffer.alloc(sectors * sector);
  return {
    data,
    bytes: data.length,
    read: async (offset, length) => Buffer.from(data.subarray(offset, offset + length)),
    write: async (offset, bytes) => data.set(bytes, offset),
  };
}

type Action = { kind: "write" | "fua"; at: number; count: number } | { kind: "flush" };

const span = fc.tuple(fc.nat(sectors - 1), fc.integer({ min: 1, max: 4 })).map(([at, count]) => ({
  at: Math.min(at, sectors - count),
  count,
}));
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: span.map((where) => ({ kind: "write" as const, ...where })) },
  { weight: 1, arbitrary: span.map((where) => ({ kind: "fua" as const, ...where })) },
  { weight: 1, arbitrary: fc.constant({ kind: "flush" as const }) },
);

/** Does the actions; each writes a number of its own. Gives for each sector what it held, the newest last. */
async function play(cache: WriteCache, actions: readonly Action[]): Promise<number[][]> {
  const possible = Array.from({ length: sectors }, () => [0]);
  for (const [index, act] of actions.entries()) {
    const value = index + 1;
    if (act.kind === "flush") {
      await cache.flush();
      for (const values of possible) values.splice(0, values.length - 1);
      continue;
    }
    await cache.write(act.at * sector, Buffer.alloc(act.count * sector, value), { fua: act.kind === "fua" });
    for (const values of possible.slice(act.at, act.at + act.count)) {
      values.push(value);
      if (act.kind === "fua") values.splice(0, values.length - 1);
    }
  }
  return possible;
}

describe("the write cache", { timeout: 120_000 }, () => {
  it("gives each sector what was written last, before any flush", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        const cache = new WriteCache(memory(), { limitBytes: 8 * sector });
        const possible = await play(cache, actions);
        const data = await cache.read(0, sectors * sector);
        for (const [at, values] of possible.entries())
          assert.equal(data.readUInt8(at * sector), values.at(-1));
        assert.ok(cache.unflushedBytes <= 8 * sector);
      }),
    );
  });

  it("keeps at a power cut all that was flushed, and of the rest whole sectors that were written", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), fc.nat(), async (actions, seed) => {
        const stable = memory();
        const cache = new WriteCache(stable);
        const possible = await play(cache, actions);
        const loss = await cache.powerCut(seededRandom(seed));
        assert.equal(loss.unflushed, loss.kept + loss.dropped + (loss.tornAt === undefined ? 0 : 1));
        for (const [at, values] of possible.entries()) {
          const bytes = stable.data.subarray(at * sector, (at + 1) * sector);
          assert.ok(values.includes(bytes.readUInt8(0)), `sector ${at} has ${bytes[0]}, may have ${values}`);
          assert.ok(bytes.every((byte) => byte === bytes[0]));
        }
        assert.deepEqual(await cache.read(0, stable.bytes), stable.data);
      }),
    );
  });

  it("drops, keeps and tears, each at some time, and the same for the same seed", async () => {
    const seen = { dropped: 0, kept: 0, torn: 0 };
    for (let seed = 0; seed < 20; seed++) {
      const results = [];
      for (let run = 0; run < 2; run++) {
        const stable = memory();
        const cache = new WriteCache(stable);
        for (let at = 0; at < 4; at++) await cache.write(at * 4 * sector, Buffer.alloc(4 * sector, at + 1));
        results.push([await cache.powerCut(seededRandom(seed)), stable.data] as const);
      }
      assert.deepEqual(results[0], results[1]);
      const [loss] = results[0] ?? [];
      seen.dropped += loss?.dropped ?? 0;
      seen.kept += loss?.kept ?? 0;
      seen.torn += loss?.tornAt === undefined ? 0 : 1;
    }
    assert.ok(seen.dropped > 0 && seen.kept > 0 && seen.torn > 0, JSON.stringify(seen));
  });

  it("stands still when it is told to, and forgets what it was asked meanwhile", async () => {
    const stable = memory();
    const cache = new WriteCache(stable);
    const stopped = cache.stopAtWrite(2);
    await cache.write(0, Buffer.alloc(sector, 1));
    await cache.flush();
    await cache.write(sector, Buffer.alloc(sector, 2));
    await cache.write(2 * sector, Buffer.alloc(sector, 3));
    await stopped;
    const flushed = cache.flush();
    const written = cache.write(3 * sector, Buffer.alloc(sector, 4), { fua: true });
    cache.letGo();
    await Promise.all([flushed, written]);
    // Random numbers that keep nothing.
    const loss = await cache.powerCut(() => 0.9);
    assert.deepEqual(loss, { unflushed: 2, kept: 0, dropped: 2, lostBytes: 2 * sector });
    assert.deepEqual(
      [0, 1, 2, 3].map((at) => stable.data[at * sector]),
      [1, 0, 0, 0],
    );
  });
});
