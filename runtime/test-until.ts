import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { RunningNode } from "./node.ts";
import type { NodeStatus } from "./status.ts";

export interface UntilOptions {
  /** @default 20 s */
  timeoutMs?: number;
  /** Told beside the status when the time is up. */
  also?: unknown;
}

/** The first status that fits. A node does not tell of changes, so it is asked every 20 ms until the test fails. */
export async function untilStatus(
  node: Pick<RunningNode, "status">,
  fits: (status: NodeStatus) => boolean,
  { timeoutMs = 20_000, also }: UntilOptions = {},
): Promise<NodeStatus> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const status = await node.status();
    if (fits(status)) return status;
    assert.ok(performance.now() < deadline, JSON.stringify({ status, also }));
    await pause(20);
  }
}
