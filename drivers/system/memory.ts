/** Memory: `/proc/meminfo`, proc_meminfo(5); and what waits for it: `/proc/pressure`, Documentation/accounting/psi.rst. */
import type { Sample } from "../../runtime/plugin/sdk.ts";
import { rounded } from "../common/numbers.ts";
import type { Group } from "./group.ts";

export const memory: Group = {
  points: [
    { name: "memory/total", unit: "B" },
    { name: "memory/available", unit: "B", summary: "What programs could have without swapping" },
    { name: "memory/use", unit: "%", summary: "What is not available, of the total" },
    { name: "memory/swap-total", unit: "B" },
    { name: "memory/swap-used", unit: "B" },
  ],
  create({ tree }) {
    return async () => {
      const bytes = new Map<string, number>();
      for (const [, name, kib] of ((await tree.text("proc/meminfo")) ?? "").matchAll(
        /^(\w+):\s+(\d+) kB$/gm,
      )) {
        bytes.set(name!, Number(kib) * 1024);
      }
      const [total, available] = [bytes.get("MemTotal"), bytes.get("MemAvailable")];
      const [swapTotal, swapFree] = [bytes.get("SwapTotal"), bytes.get("SwapFree")];
      const samples: Sample[] = [];
      if (total !== undefined && available !== undefined) {
        samples.push(
          { name: "memory/total", value: total, unit: "B" },
          { name: "memory/available", value: available, unit: "B" },
          { name: "memory/use", value: rounded((1 - available / total) * 100, 1), unit: "%" },
        );
      }
      // Most nodes have no swap: then there is nothing to tell.
      if (swapTotal && swapFree !== undefined) {
        samples.push(
          { name: "memory/swap-total", value: swapTotal, unit: "B" },
          { name: "memory/swap-used", value: swapTotal - swapFree, unit: "B" },
        );
      }
      return samples;
    };
  },
};

export const pressure: Group = {
  points: ["cpu", "memory", "io"].flatMap((resource) => [
    {
      name: `pressure/${resource}/some`,
      unit: "%",
      summary: `Time in which some task waited for ${resource}, of the last 60 s`,
    },
    { name: `pressure/${resource}/full`, unit: "%", summary: "Time in which all tasks did" },
  ]),
  create({ tree }) {
    return async () => {
      const samples: Sample[] = [];
      for (const resource of ["cpu", "memory", "io"]) {
        const text = (await tree.text(`proc/pressure/${resource}`)) ?? "";
        for (const [, kind, percent] of text.matchAll(/^(some|full) .*avg60=([\d.]+)/gm)) {
          samples.push({ name: `pressure/${resource}/${kind}`, value: Number(percent), unit: "%" });
        }
      }
      return samples;
    };
  },
};
