import assert from "node:assert/strict";
import { test } from "node:test";
import { changing, leastLevels, may, type Right } from "./rights.ts";
import { type Asker, levels } from "./types.ts";

/** Written out: the table of docs/people.md. */
const allowed: Record<Asker["level"], readonly Right[]> = {
  viewer: ["status", "session"],
  operator: ["status", "session", "command"],
  maintainer: ["status", "session", "command", "target-read", "target-write", "update"],
  owner: [
    "status",
    "session",
    "command",
    "target-read",
    "target-write",
    "target-own",
    "update",
    "enrol",
    "reboot",
  ],
  node: [
    "status",
    "session",
    "command",
    "target-read",
    "target-write",
    "target-own",
    "update",
    "enrol",
    "reboot",
  ],
};

test("each level has its rights and no others", () => {
  const rights = Object.keys(leastLevels) as Right[];
  for (const level of [...levels, "node"] as const)
    assert.deepEqual(
      rights.filter((right) => may({ level }, right)),
      allowed[level],
      level,
    );
});

test("what only reads is not in the audit trail, all else is", () => {
  const reading = (Object.keys(leastLevels) as Right[]).filter((right) => !changing.has(right));
  assert.deepEqual(reading, ["status", "session", "target-read"]);
});
