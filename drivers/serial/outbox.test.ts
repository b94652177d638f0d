import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sample } from "../../runtime/plugin/sdk.ts";
import { type LogLine, recordingLog } from "../../runtime/plugin/testkit.ts";
import { createOutbox, maxWaiting } from "./outbox.ts";

test("while an emit waits the newest are kept, and the loss is told", async () => {
  const emits: (readonly Sample[])[] = [];
  const lines: LogLine[] = [];
  const release = Promise.withResolvers<void>();
  const drained = Promise.withResolvers<void>();
  const host = {
    async emit(samples: readonly Sample[]) {
      emits.push(samples);
      if (emits.length === 2) drained.resolve();
      else await release.promise;
    },
    log: recordingLog((line) => lines.push(line)),
  };
  const { put } = createOutbox(host, new AbortController().signal);
  put([{ name: "a", value: 0 }]);
  for (let value = 1; value <= maxWaiting + 10; value++) put([{ name: "a", value }]);
  release.resolve();
  await drained.promise;
  assert.equal(emits[1]?.length, maxWaiting);
  assert.equal(emits[1]?.at(-1)?.value, maxWaiting + 10);
  assert.match(lines[0]?.message ?? "", /10 samples were lost/);
});

test("samples that are refused are told, and the next are emitted", async () => {
  const lines: LogLine[] = [];
  const second = Promise.withResolvers<void>();
  let emits = 0;
  const host = {
    async emit() {
      emits += 1;
      if (emits === 1) throw new Error("the disk is gone");
      second.resolve();
    },
    log: recordingLog((line) => lines.push(line)),
  };
  const { put } = createOutbox(host, new AbortController().signal);
  put([{ name: "a", value: 0 }]);
  put([{ name: "a", value: 1 }]);
  await second.promise;
  assert.match(lines[0]!.message, /1 samples were not stored: the disk is gone/);
});
