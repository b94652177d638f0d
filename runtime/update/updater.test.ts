import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isUmecError, UmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import {
  live,
  type MachineOptions,
  makeMachine,
  powerCycle,
  reportsOf,
  updaterOptions,
  watchFiles,
} from "./test-updater.ts";
import { Updater } from "./updater.ts";

const scratch = createScratch();
await watchFiles();

const phases = async (dir: string) => (await reportsOf(dir)).map(({ phase }) => phase);
const allSteps = ["ordered", "fetching", "fetched", "installing", "installed", "restarting", "trying"];

async function slotsOf(dir: string) {
  return JSON.parse(await readFile(join(dir, "slots", "slots.json"), "utf8"));
}

test("an order is fetched, installed and tried, and then is good; each step is told", async () => {
  const dir = await scratch();
  const wanted = await makeMachine(dir);
  assert.equal((await live({ dir, wanted })).end, "restarted");
  assert.equal((await live({ dir, wanted })).end, "ended");
  assert.deepEqual(await phases(dir), [...allSteps, "good"]);
  const last = (await reportsOf(dir)).at(-1);
  assert.deepEqual(last, { id: "to-2-0-0", phase: "good", from: "1.0.0", to: "2.0.0" });
  const { booted, slots } = await slotsOf(dir);
  assert.deepEqual([booted, slots.B], ["B", { good: true, version: "2.0.0" }]);
  // Told again after a further start, it is not done again.
  assert.equal((await live({ dir, wanted })).end, "ended");
  assert.equal((await reportsOf(dir)).length, allSteps.length + 1);
});

test("a slot that is not good leads back; the old one tells why, and does not try that order again", async () => {
  const dir = await scratch();
  const wanted = await makeMachine(dir);
  const bad = "plugin rs485 did not sample in 120 s";
  assert.equal((await live({ dir, wanted, bad })).end, "restarted");
  assert.equal((await live({ dir, wanted, bad })).end, "fell-back");
  assert.equal((await live({ dir, wanted, bad })).end, "ended");
  assert.deepEqual(await phases(dir), [...allSteps, "fell-back"]);
  const last = (await reportsOf(dir)).at(-1);
  assert.deepEqual(last, { id: "to-2-0-0", phase: "fell-back", from: "1.0.0", to: "2.0.0", reason: bad });
  assert.equal((await live({ dir, wanted, bad })).end, "ended");
  assert.equal((await reportsOf(dir)).length, allSteps.length + 1);
  // Under another id somebody means it.
  const again = { ...wanted, id: "again" };
  assert.equal((await live({ dir, wanted: again })).end, "restarted");
  assert.equal((await live({ dir, wanted: again })).end, "ended");
  assert.equal((await phases(dir)).at(-1), "good");
});

/** Lives on after whatever came, until the order has ended; gives how often it started. */
async function untilEnded(options: MachineOptions): Promise<number> {
  for (let starts = 1; starts < 10; starts++) {
    if ((await live(options)).end === "ended") return starts;
  }
  throw new Error("it does not end");
}

for (const bad of [undefined, "the new system hangs"]) {
  for (const power of [true, false]) {
    const what = power ? "the power is cut" : "the program is killed";
    test(`${what} at any step of an update to a ${bad ? "bad" : "good"} system: it ends whole`, async (t) => {
      let cuts = 0;
      // In the life that installs, in the one that tries, and in the one after a fall-back.
      for (let before = 0; before < (bad ? 3 : 2); before++) {
        for (let left = 0; ; left++) {
          const dir = await scratch();
          const wanted = await makeMachine(dir);
          const options = { dir, wanted, ...(bad !== undefined && { bad }) };
          for (let life = 0; life < before; life++) await live(options);
          const { end } = await live(options, left);
          if (end !== "cut") break;
          cuts++;
          if (power) await powerCycle(dir);
          await untilEnded(options);
          const at = `life ${before + 1}, step ${left + 1}`;
          const { booted, slots } = await slotsOf(dir);
          const expected = bad ? ["A", "1.0.0", "fell-back"] : ["B", "2.0.0", "good"];
          const ends = (await phases(dir)).filter((phase) =>
            ["good", "refused", "failed", "fell-back"].includes(phase),
          );
          assert.deepEqual([booted, slots[booted].version, ends[0]], expected, at);
          assert.equal(new Set(ends).size, 1, `${at}: ${ends}`);
          assert.ok(ends.length <= 2, `${at}: told ${ends.length} times`);
          await assert.rejects(stat(join(dir, "update", "attempt.json")), /ENOENT/, at);
          // And it rests.
          assert.equal((await live(options)).taken, 0, at);
        }
      }
      assert.ok(cuts > 60, `${cuts} cuts`);
      t.diagnostic(`${cuts} cuts`);
    });
  }
}

test("an order that makes no sense here is refused with the reason, before anything is fetched", async () => {
  const cases: [
    string,
    Partial<MachineOptions["wanted"] & { version: string; compatible: string }>,
    RegExp,
  ][] = [
    ["older", { version: "0.9.0" }, /^0\.9\.0 is older than 1\.0\.0, which runs$/],
    ["another board's", { compatible: "umec-rpi" }, /^the bundle is for umec-rpi, and this is umec-test$/],
    ["no version", { version: "two" }, /"two" is no version/],
  ];
  for (const [name, part, reason] of cases) {
    const dir = await scratch();
    const wanted = await makeMachine(dir);
    const fetch = () => assert.fail("fetched");
    const { end } = await live({ dir, wanted: { ...wanted, bundle: { ...wanted.bundle!, ...part } }, fetch });
    assert.equal(end, "ended", name);
    assert.deepEqual(await phases(dir), ["ordered", "refused"], name);
    assert.match((await reportsOf(dir)).at(-1)!.reason!, reason, name);
  }
});

test("what runs already is good, and told once", async () => {
  const dir = await scratch();
  const wanted = await makeMachine(dir, "1.0.0");
  for (let i = 0; i < 2; i++) assert.equal((await live({ dir, wanted })).end, "ended");
  assert.deepEqual(await phases(dir), ["ordered", "good"]);
});

test("a bundle that the engine refuses is told, and not tried again", async () => {
  const dir = await scratch();
  const wanted = await makeMachine(dir);
  const fetch = async () => join(dir, "boot");
  for (let i = 0; i < 2; i++) assert.equal((await live({ dir, wanted, fetch })).end, "ended");
  assert.deepEqual(await phases(dir), ["ordered", "fetching", "fetched", "installing", "refused"]);
  assert.equal((await reportsOf(dir)).at(-1)?.reason, "this is no bundle");
});

test("an older version with a permit is for the engine to judge", async () => {
  const dir = await scratch();
  const wanted = await makeMachine(dir, "0.9.0");
  const permit = Buffer.from(JSON.stringify({ compatible: "umec-test", version: "0.9.0" })).toString(
    "base64",
  );
  assert.equal((await live({ dir, wanted: { ...wanted, permit } })).end, "restarted");
  assert.equal((await live({ dir, wanted: { ...wanted, permit } })).end, "ended");
  assert.equal((await phases(dir)).at(-1), "good");
});

test("a fetch that fails is tried again, and told once for each reason", async () => {
  const dir = await scratch();
  const wanted = await makeMachine(dir);
  const faults = ["no link", "no link", "the hub has no such bundle"];
  const fetch = async () => {
    const fault = faults.shift();
    if (fault !== undefined) throw new Error(fault);
    return join(dir, "bundle");
  };
  assert.equal((await live({ dir, wanted, fetch })).end, "restarted");
  const told = (await reportsOf(dir)).filter(({ phase }) => phase === "fetching").map(({ reason }) => reason);
  assert.deepEqual(told, [undefined, "no link", "the hub has no such bundle"]);
});

test("an installation that is interrupted again and again is given up", async () => {
  const dir = await scratch();
  const wanted = await makeMachine(dir);
  const { engine } = await updaterOptions({ dir }, () => {});
  let begun = 0;
  for (let life = 0; life < 5; life++) {
    const stop = new AbortController();
    const slow = {
      slots: (signal: AbortSignal) => engine.slots(signal),
      restart: () => engine.restart(),
      install: async (_path: string, { signal }: { signal: AbortSignal }): Promise<never> => {
        begun++;
        stop.abort();
        signal.throwIfAborted();
        throw new Error("unreachable");
      },
    };
    const updater = await Updater.start(await updaterOptions({ dir, engine: slow }, () => {}), stop.signal);
    await updater.take(wanted);
    await updater.done;
  }
  assert.equal(begun, 5);
  assert.equal((await live({ dir, wanted })).end, "ended");
  assert.deepEqual((await reportsOf(dir)).at(-1), {
    ...{ id: "to-2-0-0", phase: "failed", from: "1.0.0", to: "2.0.0" },
    reason: "the installation was interrupted 5 times",
  });
});

/** A machine whose updater runs until the test ends. */
async function running(t: { after(work: () => unknown): void }, options: MachineOptions) {
  const stop = new AbortController();
  const restarted = Promise.withResolvers<void>();
  const restart = () => {
    restarted.resolve();
    return new Promise<never>(() => {});
  };
  const updater = await Updater.start(await updaterOptions({ restart, ...options }, () => {}), stop.signal);
  t.after(() => {
    stop.abort();
    return Promise.race([updater.done, restarted.promise]);
  });
  const until = async (phase: string | undefined): Promise<void> => {
    while (updater.status()?.phase !== phase) await new Promise((done) => setTimeout(done, 1));
  };
  return { updater, until, restarted: restarted.promise };
}

test("an order that is taken back while it is fetched is given up, and can come again", async (t) => {
  const dir = await scratch();
  const wanted = await makeMachine(dir);
  const fetching = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let tries = 0;
  const fetch: MachineOptions["fetch"] = async (_wanted, { signal }) => {
    fetching[tries++]?.resolve();
    if (tries > 1) return join(dir, "bundle");
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  const { updater, until, restarted } = await running(t, { dir, fetch });
  await updater.take(wanted);
  await fetching[0]?.promise;
  await updater.take(undefined);
  await until(undefined);
  assert.deepEqual(await phases(dir), ["ordered", "fetching"]);
  await updater.take(wanted);
  await restarted;
});

test("taken back once it is installed, the node does not restart for it until it is told again", async (t) => {
  const dir = await scratch();
  const wanted = await makeMachine(dir);
  let automatic = false;
  const { updater, until, restarted } = await running(t, { dir, settings: () => ({ automatic }) });
  await updater.take(wanted);
  await until("installed");
  await updater.take(undefined);
  automatic = true;
  updater.wake();
  await new Promise((done) => setTimeout(done, 30));
  assert.match(updater.status()?.reason ?? "", /taken back/);
  await updater.take(wanted);
  await restarted;
});

test("an order that replaces one that is fetched takes its place; the first leaves no end behind", async (t) => {
  const dir = await scratch();
  const wanted = await makeMachine(dir);
  const fetch: MachineOptions["fetch"] = async ({ id }, { signal }) => {
    if (id === "newer") return join(dir, "bundle");
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  const { updater, until, restarted } = await running(t, { dir, fetch });
  await updater.take(wanted);
  await until("fetching");
  await updater.take({ ...wanted, id: "newer" });
  await restarted;
  const told = (await reportsOf(dir)).filter(({ id }) => id === wanted.id);
  assert.deepEqual(
    told.map(({ phase }) => phase),
    ["ordered", "fetching"],
  );
});

test("the node restarts in its window only, and not before it knows the time; a person may say otherwise", async (t) => {
  const dir = await scratch();
  const wanted = await makeMachine(dir);
  let now: number | undefined;
  const settings = () => ({ automatic: true, window: "02:00-04:00" });
  const { updater, until, restarted } = await running(t, { dir, settings, now: () => now });
  await updater.take(wanted);
  await until("installed");
  const says = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(updater.status()?.reason ?? "")) await new Promise((done) => setTimeout(done, 1));
  };
  await says(/^the time is not known/);
  now = Date.parse("2026-11-30T01:59:59Z");
  updater.wake();
  await says(/^the node restarts at 02:00-04:00$/);
  now = Date.parse("2026-11-30T02:00:00Z");
  updater.wake();
  await restarted;
});

test("a person's order is not the hub's to take back, and waits for no window", async (t) => {
  const dir = await scratch();
  await makeMachine(dir);
  const settings = () => ({ automatic: false });
  const { updater, restarted } = await running(t, { dir, settings });
  await updater.order({ id: "stick", by: "ada", place: join(dir, "bundle") });
  await updater.take(undefined);
  await assert.rejects(updater.order({ id: "other", by: "ada", place: join(dir, "bundle") }), (error) =>
    isUmecError(error, "UPDATE_BUSY"),
  );
  await restarted;
});

test("a report that can't be written holds an end back until it can", async () => {
  const dir = await scratch();
  const wanted = await makeMachine(dir, "1.0.0");
  let failures = 3;
  const { journal } = await updaterOptions({ dir }, () => {});
  const report: typeof journal.report = async (said, signal) => {
    if (said.phase === "good" && failures-- > 0)
      throw new UmecError("UPDATE_REPORT_FAILED", "the disk is full");
    return journal.report(said, signal);
  };
  assert.equal((await live({ dir, wanted, journal: { report } })).end, "ended");
  assert.deepEqual(await phases(dir), ["ordered", "good"]);
});
