import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { Gap } from "../frame.ts";
import { silentLog } from "../log.ts";
import type { Lane } from "../plugin/contract.ts";
import { lanes } from "../subjects.ts";
import { carveRows } from "./carve.ts";
import { Outbox } from "./outbox.ts";
import type { Row } from "./types.ts";

/** More rows than fit on one page: a single flipped byte must not cost more than one page. */
const rowsOnAPage = 100;

/** What was acknowledged: `plugin lane row` → records. */
type Acknowledged = Map<string, string>;

let directory: string;
let source: string;
let acknowledged: Acknowledged;

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now(), known: () => true };

function open(path: string): Promise<Outbox> {
  return Outbox.open({
    path,
    quotaBytes: 64 * 1024 * 1024,
    clock,
    log: silentLog,
    commitMs: 0,
    thread: false,
    checkpointPages: 60,
  });
}

/** An outbox as a killed process leaves it: some rows in the file, some only in the log, some erased. */
before(async () => {
  directory = mkdtempSync(join(tmpdir(), "umec-salvage-"));
  source = join(directory, "source.db");
  acknowledged = new Map();
  const live = join(directory, "live.db");
  const outbox = await open(live);
  const numbers = new Map<string, number>();
  for (let i = 0; i < 400; i++) {
    const plugin = ["meter", "door", "camera"][i % 3]!;
    const lane = lanes[i % 2 === 0 ? 1 : i % 5 === 0 ? 0 : 2]!;
    // Every seventh does not fit on a page.
    const text = `${i} ${plugin}`.padEnd(i % 7 === 0 ? 9_000 : 40 + (i % 90), ".");
    await outbox.append({
      plugin,
      lane,
      time: { unixMs: i },
      samples: 1 + (i % 4),
      records: Buffer.from(text),
    });
    const key = `${plugin} ${lane}`;
    numbers.set(key, (numbers.get(key) ?? 0) + 1);
    acknowledged.set(`${key} ${numbers.get(key)}`, text);
    if (i === 150) {
      for (const { id, chain, row, samples } of await outbox.read("telemetry", 0, 20_000)) {
        const { plugin: owner } = outbox.chain(chain);
        acknowledged.delete(`${owner} telemetry ${row}`);
        outbox.erase({ chain, ids: [{ first: id, last: id }], rows: 1, samples, doneRow: row });
      }
      await outbox.flush();
    }
  }
  copyOutbox(live, source);
  await outbox.close();
});

after(() => rmSync(directory, { recursive: true }));

function copyOutbox(from: string, to: string): void {
  for (const suffix of ["", "-wal", ".label"]) {
    rmSync(to + suffix, { force: true });
    if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix);
  }
}

/** Drains the outbox as the link does, through however many salvages that takes. */
async function drain(
  outbox: Outbox,
): Promise<{ rows: Map<string, string>; gaps: { key: string; gap: Gap }[] }> {
  const rows = new Map<string, string>();
  const gaps: { key: string; gap: Gap }[] = [];
  let resets = 0;
  const stop = outbox.onReset(() => resets++);
  for (let before = -1; before !== resets; ) {
    before = resets;
    for (const lane of lanes) {
      let cursor = 0;
      let batch: Row[] = await outbox.read(lane, cursor, 50_000);
      while (batch.length > 0) {
        for (const { id, chain, row, samples, gap, records } of batch) {
          cursor = id;
          const { plugin } = outbox.chain(chain);
          const text = Buffer.from(records).toString();
          if (gap) gaps.push({ key: `${plugin} ${lane}`, gap: JSON.parse(text) });
          else rows.set(`${plugin} ${lane} ${row}`, text);
          outbox.erase({ chain, ids: [{ first: id, last: id }], rows: 1, samples, doneRow: row });
        }
        await outbox.flush();
        batch = await outbox.read(lane, cursor, 50_000);
      }
    }
    await outbox.verify(outbox.lastId);
  }
  stop();
  return { rows, gaps };
}

/** Every acknowledged row is there unchanged, or inside a gap record; nothing is there that never was. */
async function checkDamaged(path: string): Promise<{ lost: number; salvages: number }> {
  const outbox = await open(path);
  const { rows, gaps } = await drain(outbox);
  let lost = 0;
  for (const [key, text] of acknowledged) {
    if (rows.get(key) === text) continue;
    assert.equal(rows.get(key), undefined, `${key} was altered`);
    lost++;
    const [plugin, lane, row] = key.split(" ");
    const covered = gaps.some(
      ({ key: of, gap }) => of === `${plugin} ${lane}` && gap.from <= Number(row) && Number(row) <= gap.to,
    );
    assert.ok(covered, `${key} is lost in silence; gaps: ${JSON.stringify(gaps)}`);
  }
  const { salvages } = outbox.stats();
  // The node keeps working.
  await outbox.append({
    plugin: "meter",
    lane: "telemetry",
    time: { unixMs: 1 },
    samples: 1,
    records: Buffer.from("new"),
  });
  await outbox.close();
  return { lost, salvages };
}

async function damaged(damage: (path: string) => void): Promise<{ lost: number; salvages: number }> {
  const path = join(directory, "damaged.db");
  copyOutbox(source, path);
  damage(path);
  return checkDamaged(path);
}

function flip(path: string, at: number, mask: number): void {
  const bytes = readFileSync(path);
  bytes[at % bytes.length]! ^= mask;
  writeFileSync(path, bytes);
}

/** The same damage each time, so that a red run speaks of the change; `npm run torture` draws other. */
function damages(count: number): { numRuns: number; seed?: number } {
  return process.env.UMEC_TORTURE_CASES ? { numRuns: 20 * count } : { numRuns: count, seed: 20 };
}

test("a file that a killed process left loses nothing and needs no salvage", async () => {
  assert.deepEqual(await damaged(() => {}), { lost: 0, salvages: 0 });
});

test("a flipped byte anywhere in the file or its log: each row is whole or inside a gap record", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("", "-wal"),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (suffix, at, mask) => {
        const { lost } = await damaged((path) => flip(path + suffix, at, mask));
        assert.ok(lost < rowsOnAPage, `${lost} rows lost`);
      },
    ),
    damages(30),
  );
});

test("a flipped byte in the first pages, where SQLite keeps its own", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(3 * 4096), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      await damaged((path) => flip(path, at, mask));
    }),
    // A page of the table epoch that has 256 rows more.
    { ...damages(30), examples: [[8195, 1]] },
  );
});

test("many flipped bytes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 10, maxLength: 300 }),
      async (flips) => {
        await damaged((path) => {
          for (const [at, mask] of flips) flip(path, at, mask);
        });
      },
    ),
    { ...damages(15), examples: [[[[838392397, 12]]]] },
  );
});

test("one damaged page of rows costs only the rows on it", async () => {
  const path = join(directory, "page.db");
  copyOutbox(source, path);
  await (await open(path)).close();
  const bytes = readFileSync(path);
  // The last leaf page with rows in it.
  let page = bytes.length / 4096 - 1;
  while (page > 0 && !(bytes[page * 4096] === 0x0d && bytes.readUInt16BE(page * 4096 + 3) > 0)) page--;
  assert.ok(page > 0);
  bytes.fill(0xff, page * 4096, (page + 1) * 4096);
  writeFileSync(path, bytes);
  const { lost, salvages } = await checkDamaged(path);
  assert.equal(salvages, 1);
  assert.ok(lost > 0 && lost < 60, `${lost} rows lost`);
});

/** A copy of an outbox whose process was killed with `rows` small rows, and what `last` did, in its log alone. */
async function killedWithLog(
  name: string,
  rows: number,
  lane: Lane,
  last: (outbox: Outbox) => Promise<void> = async () => {},
): Promise<string> {
  const path = join(directory, `${name}.db`);
  const copy = join(directory, `${name}-copy.db`);
  const outbox = await Outbox.open({
    path,
    quotaBytes: 2 ** 26,
    clock,
    log: silentLog,
    commitMs: 0,
    thread: false,
  });
  for (let i = 0; i < rows; i++) {
    const records = Buffer.from(`row ${i}`);
    await outbox.append({ plugin: "m", lane, time: { unixMs: i }, samples: 1, records });
  }
  await last(outbox);
  copyOutbox(path, copy);
  await outbox.close();
  return copy;
}

test("a damaged frame of the log costs no row that is readable behind it", async () => {
  const copy = await killedWithLog("log", 300, "telemetry");
  flip(`${copy}-wal`, 32 + 100 * 4120 + 2000, 0xff);
  const carvable = [...carveRows(copy)].length;
  assert.ok(carvable > 290, `${carvable} rows can be carved`);
  const again = await open(copy);
  assert.equal(again.stats().lastSalvage?.rows, carvable);
  await again.close();
});

test("what the hub was found to have is remembered although the log that said so is damaged", async () => {
  const copy = await killedWithLog("sent", 20, "bulk", (outbox) =>
    outbox.markSent(1, { first: 1, last: 12 }),
  );
  flip(`${copy}-wal`, 32 + 24 + 100, 0xff);
  const again = await open(copy);
  assert.equal(again.stats().salvages, 1);
  assert.deepEqual(again.chain(1).sent, [{ first: 1, last: 12 }]);
  await again.close();
});

test("any byte of the file's header", async () => {
  for (let at = 0; at < 100; at++) {
    const { lost } = await damaged((path) => flip(path, at, 108));
    assert.ok(lost < rowsOnAPage, `byte ${at}: ${lost} rows lost`);
  }
});

test("a file cut short at any length", async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), async (part) => {
      await damaged((path) => truncateSync(path, Math.floor(readFileSync(path).length * part)));
    }),
    damages(15),
  );
});

test("a file overwritten with something else, without a label", async () => {
  const path = join(directory, "garbage.db");
  writeFileSync(path, Buffer.alloc(100_000, "garbage "));
  const outbox = await open(path);
  await outbox.append({
    plugin: "meter",
    lane: "telemetry",
    time: { unixMs: 1 },
    samples: 1,
    records: Buffer.from("new"),
  });
  assert.equal(outbox.stats().salvages, 1);
  await outbox.close();
  assert.ok(
    readdirSync(directory).some((name) => name.startsWith("damaged-") && name.endsWith("garbage.db")),
  );
});

test("a lost label costs nothing", async () => {
  assert.deepEqual(await damaged((path) => rmSync(`${path}.label`)), { lost: 0, salvages: 0 });
});

test("a damaged table of epochs is met at once, and the file still names its chains", async () => {
  const path = join(directory, "epochs.db");
  copyOutbox(source, path);
  rmSync(`${path}.label`);
  // Its page has 256 rows more.
  flip(path, 8195, 1);
  const outbox = await open(path);
  const { lastSalvage } = outbox.stats();
  assert.match(lastSalvage!.reason, /a row of the table epoch is none of ours/);
  assert.ok(lastSalvage!.tookMs < 5_000, `it took ${lastSalvage!.tookMs} ms`);
  const names = new Set(outbox.chains().map(({ plugin }) => plugin));
  assert.deepEqual([...names].toSorted(), ["camera", "door", "meter"]);
  await outbox.close();
});

test("a chain that nobody can name keeps its rows under a name of its own", async () => {
  const path = join(directory, "nameless.db");
  copyOutbox(source, path);
  rmSync(`${path}.label`);
  const { default: Database } = await import("better-sqlite3");
  const db = new Database(path);
  db.exec("DELETE FROM chain");
  db.close();
  const outbox = await open(path);
  assert.deepEqual(
    [...new Set(outbox.chains().map(({ plugin }) => plugin.replace(/\d+/, "")))],
    ["recovered-"],
  );
  const { rows } = await drain(outbox);
  assert.equal(rows.size, acknowledged.size);
  await outbox.close();
});

test("a salvage that is cut off between its renames is finished", async () => {
  const path = join(directory, "cut.db");
  copyOutbox(source, path);
  // As it looks then: the whole new file under its draft name, the damaged file's log still there.
  copyFileSync(path, `${path}.whole`);
  copyFileSync(`${path}-wal`, `${path}.whole-wal`);
  const whole = await open(`${path}.whole`);
  await whole.close();
  rmSync(path);
  copyFileSync(`${path}.whole`, `${path}.salvaging`);
  assert.deepEqual(await checkDamaged(path), { lost: 0, salvages: 0 });
});
