import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bootId } from "../boot.ts";
import { silentLog } from "../log.ts";
import { Outbox } from "../outbox/outbox.ts";
import type { NewRow } from "../outbox/types.ts";
import { encodeRecord } from "../senml/cbor.ts";
import { scratch, umec } from "./test-program.ts";

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now(), known: () => true };
const firstMs = Date.parse("2026-03-01T12:00:00Z");

function open(path: string, options: { known?: boolean } = {}): Promise<Outbox> {
  const { known = true } = options;
  return Outbox.open({
    path,
    quotaBytes: 64 * 2 ** 20,
    clock: { ...clock, known: () => known },
    log: silentLog,
    commitMs: 0,
    thread: false,
    ballastBytes: 0,
    bootId: known ? bootId() : "another-boot",
  });
}

function voltage(value: number): NewRow {
  return {
    plugin: "meter",
    lane: "telemetry",
    time: { unixMs: firstMs + value * 1000 },
    samples: 1,
    records: encodeRecord({ n: "a/voltage", u: "V", v: value, t: 0.25 }),
  };
}

/** 300 rows of a meter, an alarm and a row of bulk data. */
async function writeOutbox(path: string): Promise<void> {
  const outbox = await open(path);
  await Promise.all(Array.from({ length: 300 }, (_, i) => outbox.append(voltage(i))));
  const alarm = { plugin: "door", lane: "alarm", time: { unixMs: firstMs }, samples: 2 } as const;
  const records = [
    encodeRecord({ n: "open", vb: true }),
    encodeRecord({ n: "note", vs: 'said "no", then\nleft' }),
  ];
  await outbox.append({ ...alarm, records: Buffer.concat(records) });
  const image = encodeRecord({ n: "image", vd: Buffer.from([1, 2, 255]) });
  await outbox.append({ plugin: "eye", lane: "bulk", time: { unixMs: firstMs }, samples: 1, records: image });
  await outbox.close();
}

/** Fills the last leaf page with rows by 0xff; returns how many rows were on it. */
function damagePage(path: string): number {
  const bytes = readFileSync(path);
  const isLeaf = (page: number) => bytes[page * 4096] === 0x0d && bytes.readUInt16BE(page * 4096 + 3) > 10;
  let page = bytes.length / 4096 - 1;
  while (page > 0 && !isLeaf(page)) page--;
  assert.ok(page > 0);
  const rows = bytes.readUInt16BE(page * 4096 + 3);
  bytes.fill(0xff, page * 4096, (page + 1) * 4096);
  writeFileSync(path, bytes);
  return rows;
}

/** Each file's name and content. */
function contents(dir: string): Record<string, string> {
  return Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), "base64")]));
}

test("inspect shows what waits, and changes nothing", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "outbox.db");
  await writeOutbox(file);
  const before = contents(dir.path);
  const { code, stdout, stderr } = await umec(["outbox", "inspect", file]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /\nstore +[0-9a-f]{16}, generation 0, schema 1\n/);
  assert.match(stdout, /\nwaiting +303 samples in 302 rows\n/);
  assert.match(
    stdout,
    /\nmeter +telemetry +300 +300 +0 +2026-03-01T12:00:00\.000Z +2026-03-01T12:04:59\.000Z\n/,
  );
  const json = JSON.parse((await umec(["outbox", "inspect", "--json", file])).stdout);
  assert.deepEqual([json.damaged, json.damage, json.chains.length, json.generation], [false, [], 3, 0]);
  assert.deepEqual(contents(dir.path), before);
});

test("what a killed node left in the log of its outbox is seen, too", async () => {
  await using dir = await scratch();
  const live = join(dir.path, "live.db");
  const outbox = await open(live);
  for (let i = 0; i < 5; i++) await outbox.append(voltage(i));
  const file = join(dir.path, "left.db");
  for (const suffix of ["", "-wal", ".label"]) cpSync(live + suffix, file + suffix);
  await outbox.close();
  const { code, stdout } = await umec(["outbox", "inspect", "--json", file]);
  assert.deepEqual([code, JSON.parse(stdout).chains[0].rows], [0, 5]);
});

test("an outbox that a node has open is left alone: status 75, and where to look instead", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "outbox.db");
  const outbox = await open(file);
  await outbox.append(voltage(1));
  for (const command of ["inspect", "export", "salvage"]) {
    const { code, stderr } = await umec(["outbox", command, file]);
    assert.equal(code, 75, command);
    assert.match(
      stderr,
      new RegExp(`^umec: .* is in use: process ${process.pid} has it open\nhint: .*umec status`),
    );
  }
  await outbox.append(voltage(2));
  await outbox.close();
});

test("export as CSV quotes what must be, alarms first", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "outbox.db");
  await writeOutbox(file);
  const { code, stdout } = await umec(["outbox", "export", file, "--format", "csv"]);
  assert.equal(code, 0);
  const start = [
    "time,estimated,plugin,lane,row,name,value,unit,sum,quality,reason",
    "2026-03-01T12:00:00.000Z,false,door,alarm,1,open,true,,,good,",
    '2026-03-01T12:00:00.000Z,false,door,alarm,1,note,"said ""no"", then\nleft",,,good,',
    "2026-03-01T12:00:00.250Z,false,meter,telemetry,1,a/voltage,0,V,,good,",
  ];
  assert.ok(stdout.startsWith(start.join("\r\n")), stdout.slice(0, 400));
  assert.ok(stdout.endsWith("2026-03-01T12:00:00.000Z,false,eye,bulk,1,image,AQL_,,,good,\r\n"));
});

test("export as SenML is one pack that names the plugins, and can be of one plugin or lane alone", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "outbox.db");
  await writeOutbox(file);
  const out = join(dir.path, "meter.json");
  assert.equal((await umec(["outbox", "export", file, "--plugin", "meter", "--out", out])).code, 0);
  const pack = JSON.parse(readFileSync(out, "utf8"));
  assert.equal(pack.length, 300);
  assert.deepEqual(pack[7], { n: "meter/a/voltage", t: firstMs / 1000 + 7.25, u: "V", v: 7 });
  const bulk = await umec(["outbox", "export", file, "--lane", "bulk"]);
  assert.deepEqual(JSON.parse(bulk.stdout), [{ n: "eye/image", t: firstMs / 1000, vd: "AQL_" }]);
  assert.deepEqual(JSON.parse((await umec(["outbox", "export", file, "--plugin", "none"])).stdout), []);
});

test("export as JSON lines says where a time is not known", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "outbox.db");
  const outbox = await open(file, { known: false });
  await outbox.append({ ...voltage(1), time: { monotonicMs: 5 } });
  await outbox.close();
  const { code, stdout } = await umec(["outbox", "export", file, "--format", "ndjson"]);
  assert.equal(code, 0);
  const expected = {
    time: null,
    plugin: "meter",
    lane: "telemetry",
    row: 1,
    name: "a/voltage",
    value: 1,
    unit: "V",
    quality: "good",
  };
  assert.deepEqual(JSON.parse(stdout), expected);
});

test("export says in each format what is not good, and why", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "outbox.db");
  const outbox = await open(file);
  const bad = { "umec:quality": "bad", "umec:reason": 'no "answer"' };
  const records = encodeRecord({ n: "a/voltage", u: "V", vs: "", ...bad });
  await outbox.append({ ...voltage(0), records });
  await outbox.close();
  const exported = async (format: string) =>
    (await umec(["outbox", "export", file, "--format", format])).stdout;
  const sample = JSON.parse(await exported("ndjson"));
  assert.deepEqual([sample.value, sample.quality, sample.reason], [null, "bad", 'no "answer"']);
  assert.match(await exported("csv"), /,a\/voltage,,V,,bad,"no ""answer"""\r\n$/);
  const [record] = JSON.parse(await exported("senml-json"));
  assert.deepEqual(record, { n: "meter/a/voltage", u: "V", t: firstMs / 1000, vs: "", ...bad });
});

test("of a damaged outbox all is exported that can be read, with gap records for the rest, and status 5", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "outbox.db");
  await writeOutbox(file);
  const lost = damagePage(file);
  const before = contents(dir.path);
  const { code, stdout, stderr } = await umec(["outbox", "export", file, "--format", "ndjson"]);
  assert.equal(code, 5);
  assert.match(stderr, /is damaged \(.*\): \d+ rows could be read, \d+ are missing for certain\n/);
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const rows = new Set(lines.filter(({ gap, plugin }) => !gap && plugin === "meter").map(({ row }) => row));
  assert.equal(rows.size, 300 - lost);
  const gap = lines.find(({ gap, plugin }) => gap && plugin === "meter").gap;
  assert.equal(gap.reason, "damaged");
  for (let row = 1; row <= 300; row++)
    assert.ok(rows.has(row) || (gap.from <= row && row <= gap.to), `${row}`);
  assert.equal((await umec(["outbox", "inspect", file])).code, 5);
  assert.deepEqual(contents(dir.path), before);
});

test("rows that are no SenML are passed over and told", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "outbox.db");
  const outbox = await open(file);
  await outbox.append({ ...voltage(1), records: Buffer.from("no CBOR") });
  await outbox.append(voltage(2));
  await outbox.close();
  const { code, stdout, stderr } = await umec(["outbox", "export", file]);
  assert.deepEqual([code, JSON.parse(stdout).length], [5, 1]);
  assert.match(stderr, /1 row of .* are no SenML/);
});

test("salvage repairs a damaged outbox in its place, says what was lost, and has nothing to do then", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "outbox.db");
  await writeOutbox(file);
  const lost = damagePage(file);
  const damaged = readFileSync(file);
  const { code, stdout } = await umec(["outbox", "salvage", "--json", file]);
  assert.equal(code, 5);
  const { lostRows, salvages } = JSON.parse(stdout);
  assert.deepEqual([lostRows, salvages.length], [lost, 1]);
  assert.deepEqual(readFileSync(salvages[0].setAside), damaged);
  const again = await umec(["outbox", "salvage", file]);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /is whole: \d+ rows read, nothing to do\n$/);
});

test("a file that is no outbox is refused, not replaced", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "thesis.txt");
  writeFileSync(file, "years of work ".repeat(1000));
  const before = contents(dir.path);
  for (const command of ["inspect", "export", "salvage"]) {
    const { code, stderr } = await umec(["outbox", command, file]);
    assert.equal(code, 1, command);
    assert.match(stderr, /^umec: .* does not look like an outbox\nhint: /);
  }
  assert.deepEqual(contents(dir.path), before);
  rmSync(file);
  const missing = await umec(["outbox", "salvage", file]);
  assert.match(missing.stderr, /^umec: there is no file .*\nhint: /);
});
