/** Ends ssh sessions by the service manager's own means: each is an instance of umec-ssh@.service, with all it has started. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Level } from "./types.ts";

/** Instances by what runs in them: the unit's name, and the real user ids of its processes (proc(5)). */
async function sshUnits(proc: string): Promise<Map<string, Set<number>>> {
  const units = new Map<string, Set<number>>();
  for (const pid of await readdir(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    // One that ends meanwhile has no file.
    const read = (name: string) => readFile(join(proc, pid, name), "utf8").catch(() => "");
    const unit = /^0::\S*\/(umec-ssh@[^/\s]+\.service)(\/|$)/m.exec(await read("cgroup"))?.[1];
    if (unit === undefined) continue;
    const uid = Number(/^Uid:\s+(\d+)/m.exec(await read("status"))?.[1]);
    units.set(unit, (units.get(unit) ?? new Set()).add(uid));
  }
  return units;
}

/**
 * The units to be stopped when keys went from the levels `narrowed`: those that run as one of them, and those that run
 * as none, where somebody may be about to come in.
 *
 * @param proc @default "/proc"
 */
export async function unitsToStop(
  narrowed: readonly Level[],
  uidOf: ReadonlyMap<Level, number>,
  proc = "/proc",
): Promise<string[]> {
  if (narrowed.length === 0) return [];
  const going = new Set(narrowed.map((level) => uidOf.get(level)));
  const all = new Set(uidOf.values());
  return [...(await sshUnits(proc))]
    .filter(([, uids]) => {
      const people = [...uids].filter((uid) => all.has(uid));
      return people.length === 0 || people.some((uid) => going.has(uid));
    })
    .map(([unit]) => unit)
    .sort();
}
