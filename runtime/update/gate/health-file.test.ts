import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createScratch } from "../../test-scratch.ts";
import { formatHealth, type HealthFile, HealthWriter, parseHealth, readHealth } from "./health-file.ts";

const scratch = createScratch();
const file: HealthFile = {
  ok: false,
  sinceS: 41,
  deadlineS: 120,
  version: "1.4.0",
  waitingFor: ["plugin rs485"],
  failed: ['start plugin x: "ok":true,'],
};

test("what is written is read again, and nothing else is", async () => {
  const path = join(await scratch(), "health.json");
  assert.equal(await readHealth(path), undefined);
  const writer = new HealthWriter(path, assert.ifError);
  writer.write(file);
  writer.write({ ...file, sinceS: 42 });
  writer.write({ ...file, sinceS: 43 });
  await writer.settle();
  assert.deepEqual(await readHealth(path), { ...file, sinceS: 43 });
  for (const text of ["", "{", "[]", "null", '{"ok":1}', '{"ok":true,"waitingFor":[1],"failed":[]}'])
    assert.equal(parseHealth(text), undefined, text);
  await writer.stop();
  assert.equal(await readHealth(path), undefined);
});

/** The patterns with which root's scripts read the file. */
async function readByScript(name: string, text: string): Promise<string> {
  const script = new URL(`../../../image/root/overlay/usr/lib/umec/system/${name}`, import.meta.url);
  const pattern = /sed -n '(s\/\^[^']*)'/.exec(await readFile(script, "utf8"))?.[1];
  assert.ok(pattern, `${name} reads the file with sed`);
  const path = join(await scratch(), "file");
  await writeFile(path, text);
  return (await promisify(execFile)("sed", ["-n", pattern, path])).stdout.trim();
}

test("root's scripts understand it, and take no text for what it is not", async () => {
  const well = { ...file, ok: true };
  assert.equal(await readByScript("mark-good", formatHealth(well)), "41");
  assert.equal(await readByScript("mark-good", formatHealth(file)), "");
  assert.equal(await readByScript("slot", formatHealth(file)), "120");
});

test("a file that can't be written is told", async () => {
  const dir = await scratch();
  const errors: unknown[] = [];
  const writer = new HealthWriter(join(dir, "none", "health.json"), (error) => errors.push(error));
  writer.write(file);
  await writer.settle();
  assert.equal(errors.length, 1);
});
