import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { readIgnoreFile } from "./ignore-file.ts";

const scratch = createScratch();

async function read(text: string) {
  const path = join(await scratch(), "ignore.yaml");
  await writeFile(path, text);
  return readIgnoreFile(path);
}

const good = "{ vulnerability: CVE-2026-1, status: accepted, reason: so it is, until: 2027-03-01 }";

test("a list of entries is read, and an empty file is an empty list", async () => {
  assert.deepEqual(await read(`- ${good}\n`), [
    { vulnerability: "CVE-2026-1", status: "accepted", reason: "so it is", until: "2027-03-01" },
  ]);
  assert.deepEqual(await read("# nothing\n"), []);
});

for (const [what, entry, problem] of [
  ["has no reason", good.replace("so it is", '""'), /reason: say why/],
  ["has no end", good.replace(", until: 2027-03-01", ""), /until: a day is needed/],
  ["ends on no day", good.replace("03-01", "02-30"), /until: a day is needed/],
  ["has another status", good.replace("accepted", "fixed"), /status: not_affected or accepted/],
  ["has a key that nobody knows", good.replace("reason", "packages: x, reason"), /packages is no key/],
  ["names no vulnerability", good.replace("CVE-2026-1", "'*'"), /vulnerability: a CVE/],
  [
    "has a justification of its own",
    good.replace("reason", "justification: x, reason"),
    /justification: one of/,
  ],
  ["is a text", "CVE-2026-1", /is no mapping/],
] as const) {
  test(`an entry that ${what} is refused by its number`, async () => {
    await assert.rejects(read(`- ${good}\n- ${entry}\n`), (error: Error) => {
      assert.ok(isUmecError(error, "SBOM_IGNORE"));
      assert.match(error.message, /ignore\.yaml: entry 2: /);
      assert.match(error.message, problem);
      return true;
    });
  });
}
