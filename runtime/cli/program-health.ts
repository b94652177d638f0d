import type { RunningNode } from "../node.ts";
import type { TrialHealth } from "../update/program/trial.ts";

const everyMs = 500;

/** Calls `listener` with the health that a node's status says, every half second, until the signal aborts. */
export function watchHealth(
  node: Pick<RunningNode, "status">,
  listener: (health: TrialHealth) => void,
  signal: AbortSignal,
): void {
  let timer: NodeJS.Timeout | undefined;
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  const look = async (): Promise<void> => {
    const status = await node.status().catch(() => undefined);
    if (signal.aborted) return;
    if (status?.health) listener(status.health);
    timer = setTimeout(look, everyMs);
  };
  void look();
}
