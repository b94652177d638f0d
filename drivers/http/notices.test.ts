import assert from "node:assert/strict";
import { test } from "node:test";
import type { Log } from "../../runtime/plugin/sdk.ts";
import { recordingLog } from "../../runtime/plugin/testkit.ts";
import { createNotices } from "./notices.ts";

function recording(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const log = recordingLog(({ level, message }) => void lines.push(`${level} ${message}`));
  return { log, lines };
}

test("a problem is told when it comes, changes in kind and goes, not as often as it is seen", () => {
  const { log, lines } = recording();
  const notices = createNotices(log);
  const temp = (kind: string, message: string) => ({ topic: "temp", kind, message });
  notices.settle("fields", [temp("missing", "temp is missing")]);
  notices.settle("fields", [temp("missing", "temp is missing, second time")]);
  notices.settle("fields", [temp("null", "temp is null")]);
  notices.settle("fields", []);
  notices.settle("fields", []);
  notices.settle("fields", [temp("null", "temp is null again")]);
  assert.deepEqual(lines, [
    "warn temp is missing",
    "warn temp is null",
    "info temp: well again",
    "warn temp is null again",
  ]);
});

test("areas do not touch each other", () => {
  const { log, lines } = recording();
  const notices = createNotices(log);
  notices.settle("fields", [{ topic: "temp", kind: "missing", message: "temp is missing" }]);
  notices.settle("poll", []);
  assert.deepEqual(lines, ["warn temp is missing"]);
});
