import assert from "node:assert/strict";
import { test } from "node:test";
import { kernelClock } from "./kernel-clock.ts";

test("the kernel tells whether its clock is disciplined, and then an error that it can have", async () => {
  const { synchronized, estimatedErrorMs } = await kernelClock();
  assert.equal(estimatedErrorMs === undefined, !synchronized);
  // NTP_PHASE_LIMIT of linux/timex.h: more is no longer synchronized.
  if (estimatedErrorMs !== undefined) assert.ok(estimatedErrorMs >= 0 && estimatedErrorMs <= 16_000);
});
