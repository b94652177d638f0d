import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { NodeClock } from "./node-clock.ts";
import type { SetClock } from "./set-clock.ts";
import type { ClockTrust } from "./target/types.ts";
import { createScratch } from "./test-scratch.ts";

const scratch = createScratch();
const truth = Date.UTC(2027, 3, 1, 12);
/** What a board without a battery shows after a power cut. */
const past = Date.UTC(2019, 0, 1);

/** A board that timesyncd runs on, its clocks, and who may set them. */
async function board(t: TestContext, { trust = "auto" as ClockTrust, allowed = true } = {}) {
  const dir = join(await scratch(), "timesync");
  await mkdir(dir);
  let monotonic = 5_000;
  let system = past;
  const set: number[] = [];
  const setClock: SetClock = async (unixMs) => {
    if (!allowed) return "EPERM";
    set.push(unixMs);
    system = unixMs;
    return undefined;
  };
  const clock = new NodeClock(trust, {
    file: join(dir, "synchronized"),
    set: setClock,
    systemMs: () => system,
    monotonicMs: () => monotonic,
  });
  t.after(() => clock.close());
  const known = Promise.withResolvers<void>();
  let calls = 0;
  clock.onKnown(() => {
    calls++;
    known.resolve();
  });
  return {
    clock,
    set,
    known: known.promise,
    calls: () => calls,
    /** Time passes on both clocks. */
    pass(ms: number) {
      monotonic += ms;
      system += ms;
    },
    /** The receiver says the time now, `offMs` wrong. */
    offer: (offMs = 0, accuracyMs = 50) =>
      clock.offer({ unixMs: truth + monotonic + offMs, monotonicMs: monotonic, accuracyMs }, "gnss"),
    now: () => truth + monotonic,
    synchronize(unixMs: number) {
      system = unixMs;
      return writeFile(join(dir, "synchronized"), "");
    },
  };
}

test("readings that agree set the system's clock, and the clock is known", async (t) => {
  const { clock, set, offer, pass, now, calls } = await board(t);
  assert.equal(clock.known(), false);
  await offer(-20);
  pass(1000);
  await offer(20);
  assert.deepEqual([clock.known(), calls()], [false, 0]);
  pass(1000);
  await offer(0);
  assert.deepEqual([clock.known(), clock.source, calls()], [true, "plugin", 1]);
  assert.equal(set.length, 1);
  assert.ok(Math.abs(clock.nowMs() - now()) <= 30, `${clock.nowMs() - now()} ms`);
  pass(5000);
  await offer();
  assert.deepEqual([set.length, calls()], [1, 1], "a clock that is right is left alone");
});

test("where the clock must not be set the node has the time for itself, and a time service takes over", async (t) => {
  const { clock, offer, pass, now, known, synchronize } = await board(t, { allowed: false });
  for (let n = 0; n < 3; n++) {
    await offer();
    pass(1000);
  }
  await known;
  assert.equal(clock.source, "plugin");
  assert.ok(Math.abs(clock.nowMs() - now()) <= 50);

  const told = Promise.withResolvers<void>();
  clock.onKnown(told.resolve);
  await synchronize(truth + 3_600_000);
  await told.promise;
  assert.deepEqual([clock.source, clock.nowMs()], ["system", truth + 3_600_000]);
  for (let n = 0; n < 4; n++) {
    pass(1000);
    await offer();
  }
  assert.equal(clock.nowMs(), truth + 3_604_000, "from then on no plugin counts");
});

test("a receiver that jumps, hangs, is unsure or says nonsense is not believed", async (t) => {
  const { clock, offer, pass, set } = await board(t);
  for (const offMs of [0, 5_000, 0, 5_000, 0, 5_000]) {
    await offer(offMs);
    pass(1000);
  }
  for (let n = 0; n < 6; n++) {
    // It repeats what it said at the first time.
    await offer(-1000 * n);
    pass(1000);
  }
  for (let n = 0; n < 6; n++) {
    await offer(0, 60_000);
    await offer(0, Number.NaN);
    await offer(-(1024 * 7 * 86_400_000));
    await offer(Number.NaN);
    pass(1000);
  }
  assert.equal(clock.known(), false);
  for (let n = 0; n < 6; n++) await offer();
  assert.deepEqual([clock.known(), set], [false, []], "one moment told often is one reading");
});

test("with a time service that has told the time, or trust always, an offer changes nothing", async (t) => {
  const { clock, offer, pass, set } = await board(t, { trust: "always" });
  for (let n = 0; n < 5; n++) {
    pass(1000);
    await offer();
  }
  // The system's time is of before this program was made: nobody's time, so the plugin's counts.
  assert.equal(set.length, 1);
  pass(200_000);
  for (let n = 0; n < 5; n++) {
    pass(1000);
    await offer(90_000);
  }
  assert.deepEqual([set.length, clock.source], [1, "system"]);
});

test("an assumed time gives way, and what has drifted is corrected at most once a minute", async (t) => {
  const { clock, offer, pass, set } = await board(t);
  clock.assume();
  assert.equal(clock.known(), false, "a clock of 2019 is nobody's");
  for (let n = 0; n < 3; n++) {
    await offer();
    pass(1000);
  }
  assert.equal(clock.source, "plugin");
  for (let n = 0; n < 200; n++) {
    // The board's crystal is 1 % off.
    await offer(10 * n);
    pass(1000);
  }
  assert.ok(set.length >= 2 && set.length <= 5, `${set.length} settings`);
});

test("a time before which it is not moves a clock that lags, once, and makes it no better known", async (t) => {
  const { clock, set, pass, known, synchronize } = await board(t);
  await clock.notBefore(truth);
  assert.deepEqual([set, clock.known(), clock.nowMs()], [[truth], false, truth]);
  pass(60_000);
  await clock.notBefore(truth + 1_000);
  assert.equal(set.length, 1);
  await synchronize(truth + 90_000);
  await known;
  assert.deepEqual([clock.known(), clock.source], [true, "system"]);
});

test("where no time service runs, a clock that was only moved is not known, until somebody sets it or it is assumed", async () => {
  for (const told of ["set", "assumed"]) {
    let system = past;
    const clock = new NodeClock("auto", {
      file: "/nowhere/timesync/synchronized",
      set: async (unixMs) => {
        system = unixMs;
      },
      systemMs: () => system,
      monotonicMs: () => 5_000,
    });
    await clock.notBefore(truth);
    assert.deepEqual([system, clock.known(), clock.source], [truth, false, "nobody"]);
    if (told === "set") system = truth + 3_600_000;
    else clock.assume();
    assert.equal(clock.known(), true, told);
  }
});

test("where the clock can't be set, a time before which it is not changes nothing", async (t) => {
  const { clock } = await board(t, { allowed: false });
  await clock.notBefore(truth);
  assert.deepEqual([clock.known(), clock.nowMs()], [false, past]);
});
