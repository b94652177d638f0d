import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import { readEvidence } from "./evidence.ts";
import { explain, missing } from "./explain.ts";
import { leave, recorded } from "./test-evidence.ts";

const scratch = createScratch();

const sentences: Record<keyof typeof recorded, string> = {
  plugin: "plugin rs485 did not sample in 120 s",
  hub: "the hub did not answer in 120 s",
  loop: "µMEC was started 12 times and did not stay up in 120 s: 12:00:01.101 error the disk is full: /data/umec/data/outbox/outbox.db",
  panic: "the kernel panicked: sysrq triggered crash",
  hang: "it hung before systemd, and the watchdog ended it",
  verity: "a block of its root slot is damaged",
  nothing: "none of its starts came as far as /data, and the kernel left no words",
};

for (const [what, sentence] of Object.entries(sentences)) {
  test(`${what}: ${sentence}`, async () => {
    const dir = await scratch();
    await leave(dir, 1, what as keyof typeof recorded);
    const [evidence] = await readEvidence(dir);
    assert.equal(evidence && explain(evidence), sentence);
  });
}

test("all that is missing is said", () => {
  const waitingFor = ["target", "plugin a", "plugin b", "hub"];
  assert.equal(missing({ waitingFor }), "plugin a and plugin b did not sample, the hub did not answer");
  assert.equal(missing({ waitingFor: ["outbox", "target"] }), "the outbox was not opened");
  assert.equal(missing({ waitingFor: ["target"] }), "the target state was not reached");
});

test("evidence that is cut off, or no text at all, still makes a sentence", async () => {
  const dir = await scratch();
  for (const [index, what] of Object.keys(recorded).entries()) {
    await leave(dir, index + 1, what as keyof typeof recorded);
    const names = Object.keys(recorded[what as keyof typeof recorded]).filter((name) => name !== "about");
    for (const name of names)
      await writeFile(join(dir, String(index + 1), name), Buffer.alloc(200_000, 0x9f));
  }
  const all = await readEvidence(dir);
  assert.equal(all.length, Object.keys(recorded).length);
  for (const evidence of all) assert.match(explain(evidence), /^.{10,240}$/);
});

test("a folder without a slot is no evidence, and no folder is none", async () => {
  const dir = await scratch();
  assert.deepEqual(await readEvidence(join(dir, "none")), []);
  await leave(dir, 3, "plugin");
  await writeFile(join(dir, "3", "about"), "");
  await writeFile(join(dir, "new"), "");
  assert.deepEqual(await readEvidence(dir), []);
});
