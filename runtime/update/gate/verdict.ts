/**
 * What root has found of the slot that runs: `/run/umec-gate/state` (image/root/overlay/usr/lib/umec/system/gate).
 *
 * | state | |
 * |---|---|
 * | `good` | it was marked good in an earlier boot |
 * | `trial` | it is new, and a good one is there to fall back to |
 * | `alone` | it was never marked good, and nothing better is there |
 * | `marked` | it was marked good in this boot |
 * | `failed` | it was not good in time: the machine is about to restart |
 */
import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export type Verdict = { good: true } | { good: false; reason: string };

export const gatePath = "/run/umec-gate";

/** Resolves when it is decided; at once, as good, where nobody judges. Rejects with the signal's reason. */
export async function verdictOf(signal: AbortSignal, dir = gatePath): Promise<Verdict> {
  let changed = Promise.withResolvers<void>();
  const wake = (): void => changed.resolve();
  signal.throwIfAborted();
  let watcher: ReturnType<typeof watch>;
  try {
    watcher = watch(dir, wake);
  } catch {
    return { good: true };
  }
  watcher.on("error", wake);
  signal.addEventListener("abort", wake);
  try {
    for (;;) {
      signal.throwIfAborted();
      const state = (await readFile(join(dir, "state"), "utf8").catch(() => "")).trim();
      if (state === "good" || state === "marked") return { good: true };
      if (state === "failed") return { good: false, reason: "it was not good in time" };
      await changed.promise;
      changed = Promise.withResolvers();
    }
  } finally {
    signal.removeEventListener("abort", wake);
    watcher.close();
  }
}
