/** Processor time: `/proc/stat`, proc_stat(5); and the load, proc_loadavg(5). */
import type { Sample } from "../../runtime/plugin/sdk.ts";
import { rounded } from "../common/numbers.ts";
import type { Group } from "./group.ts";

interface Times {
  busy: number;
  all: number;
}

export const cpu: Group = {
  points: [
    { name: "cpu/use", unit: "%", summary: "Time of all cores that was not idle, since the last sample" },
    { name: "cpu/*/use", unit: "%", summary: "Of one core" },
  ],
  create({ tree }) {
    let before = new Map<string, Times>();
    return async () => {
      const now = parseStat((await tree.text("proc/stat")) ?? "");
      const samples: Sample[] = [];
      for (const [name, times] of now) {
        const earlier = before.get(name);
        if (!earlier) continue;
        const use = useOf(earlier, times);
        if (use === undefined) continue;
        samples.push({
          name: name === "cpu" ? "cpu/use" : `cpu/${name.slice(3)}/use`,
          value: use,
          unit: "%",
        });
      }
      before = now;
      return samples;
    };
  },
};

export const load: Group = {
  points: [1, 5, 15].map((minutes) => ({
    name: `load/${minutes}min`,
    summary: `Tasks that run or wait for a disk, mean of ${minutes} min`,
  })),
  create({ tree }) {
    return async () => {
      const fields = ((await tree.text("proc/loadavg")) ?? "").split(" ").slice(0, 3).map(Number);
      if (fields.length < 3 || !fields.every(Number.isFinite)) return [];
      return [1, 5, 15].map((minutes, i) => ({ name: `load/${minutes}min`, value: fields[i]! }));
    };
  },
};

function parseStat(text: string): Map<string, Times> {
  const cores = new Map<string, Times>();
  for (const line of text.split("\n")) {
    const [name = "", ...fields] = line.split(/\s+/);
    if (!/^cpu\d*$/.test(name)) continue;
    // Guests' time is in user and nice already: user nice system idle iowait irq softirq steal.
    const times = fields.slice(0, 8).map(Number);
    if (times.length < 4 || !times.every(Number.isFinite)) continue;
    const all = times.reduce((sum, time) => sum + time, 0);
    cores.set(name, { all, busy: all - times[3]! - (times[4] ?? 0) });
  }
  return cores;
}

/** `iowait` may fall (proc_stat(5) says so), a core that was off begins anew: then nothing can be said. */
function useOf(before: Times, now: Times): number | undefined {
  const all = now.all - before.all;
  const busy = now.busy - before.busy;
  if (all <= 0 || busy < 0) return undefined;
  return rounded(Math.min(100, (busy / all) * 100), 1);
}
