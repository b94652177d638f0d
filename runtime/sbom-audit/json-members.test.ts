import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { jsonMembers } from "./json-members.ts";

const scratch = createScratch();

async function membersOf(text: string, wanted: (name: string) => boolean = () => true) {
  const path = join(await scratch(), "list.json");
  await writeFile(path, text);
  return Object.fromEntries(await Array.fromAsync(jsonMembers(path, wanted)));
}

test("all members are what JSON.parse makes of them", async () => {
  const value = {
    a: { '"b\\': ["}", "]", '\\"', "\\\\", { c: "{[" }], "": null },
    "é\n\t日本": "ü, ☃",
    n: -1.5e-7,
    t: true,
    f: false,
    z: null,
    e: {},
    l: [],
    s: "",
  };
  for (const space of [0, 2]) assert.deepEqual(await membersOf(JSON.stringify(value, null, space)), value);
  assert.deepEqual(await membersOf(" {} \n"), {});
});

test("wherever a piece of the file ends, names and values are whole", async () => {
  // The file is read in pieces of 256 KiB: what stands before it moves the rest over such an end.
  const rest = `"wänted":{"x":"}\\"{","y":[1,{"z":"日本"}]},"other":[{"a":1}],"last":7}`;
  const text = (before: number) => `{"pad":"${"x".repeat(before)}",${rest}`;
  const head = 256 * 1024 - text(0).length;
  for (let more = -5; more < rest.length + 12; more++) {
    const found = await membersOf(text(head + more), (name) => name !== "pad" && name !== "other");
    assert.deepEqual(found, { wänted: { x: '}"{', y: [1, { z: "日本" }] }, last: 7 }, `${more}`);
  }
});

test("what is no object, or ends early, is refused", async () => {
  for (const text of [
    "",
    "[]",
    "7",
    '{"a":1',
    '{"a":"',
    '{"a":{}}{}',
    '{"a":{"b":tru}}',
    '{"a":1}}',
    "<html></html>",
  ])
    await assert.rejects(membersOf(text), (error) => isUmecError(error, "SBOM_LIST"), text);
});

test("a tracker's list of 30 MB is read in 64 MB of heap, and within seconds", async (t) => {
  const path = join(await scratch(), "tracker.json");
  const out = createWriteStream(path);
  const releases = ["bookworm", "bullseye", "forky", "sid", "trixie"].map((name) => [
    name,
    {
      status: "open",
      repositories: { [name]: "1.2.3-4" },
      urgency: "not yet assigned",
      nodsa: "Minor issue",
    },
  ]);
  const issue = { description: "x".repeat(300), scope: "remote", releases: Object.fromEntries(releases) };
  const body = JSON.stringify(
    Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`CVE-2026-${n}`, issue])),
  );
  out.write("{");
  for (let n = 0; n < 3600; n++) out.write(`"package-${n}": ${body},\n`);
  await new Promise((resolve) => out.end('"last": {}}', () => resolve(undefined)));
  const { size } = await stat(path);
  assert.ok(size > 30_000_000, `${size} bytes`);
  const script = `
    import { readTracker } from ${JSON.stringify(new URL("debian-tracker.ts", import.meta.url).href)};
    const parts = Array.from({ length: 150 }, (_, n) => (
      { ecosystem: "debian", name: "package-" + 7 * n, version: "1.2.3-4", suite: "trixie", includes: [], from: [] }));
    const beganMs = performance.now();
    const verdicts = await readTracker(${JSON.stringify(path)}, parts);
    const ms = Math.round(performance.now() - beganMs);
    console.log(JSON.stringify({ found: verdicts.length, ms, peakMb: Math.round(process.resourceUsage().maxRSS / 1024) }));`;
  const flags = ["--disable-warning=ExperimentalWarning", "--max-old-space-size=64", "--input-type=module"];
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, "--eval", script], { encoding: "utf8" });
  assert.equal(stderr, "");
  const { found, ms, peakMb } = JSON.parse(stdout);
  t.diagnostic(`${(size / 1e6).toFixed(0)} MB in ${ms} ms, the whole process took ${peakMb} MB at most`);
  assert.equal(found, 1500);
  assert.ok(peakMb < 200 && ms < 15_000, stdout);
});
