import { UmecError } from "../errors.ts";
import { endedForMemory } from "./cgroup.ts";

/** The failure of a plugin that the kernel has ended for memory; `undefined` when it ended for another reason. */
export async function whyForMemory(path: string, memoryBytes?: number): Promise<UmecError | undefined> {
  const limit = await endedForMemory(path);
  if (limit === undefined) return undefined;
  if (limit === "own" && memoryBytes !== undefined)
    return new UmecError(
      "PROCESS_MEMORY",
      `it was killed for memory: over memoryBytes ${withUnit(memoryBytes)}`,
      {
        hint: "give it more with memoryBytes, or find what grows in it",
      },
    );
  return new UmecError(
    "PROCESS_MEMORY",
    "it was killed for memory: the machine, or the service, had no more",
    {
      hint: "limit what grows with memoryBytes, so that it alone is ended",
    },
  );
}

/** As it is written in the target state. */
export function withUnit(bytes: number): string {
  for (const [unit, size] of [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
  ] as const)
    if (bytes >= size && bytes % size === 0) return `${bytes / size} ${unit}`;
  return `${bytes} B`;
}
