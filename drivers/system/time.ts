/** How long the kernel runs (proc_uptime(5)), and whether the node knows what time it is. */
import type { Sample } from "../../runtime/plugin/sdk.ts";
import type { Group } from "./group.ts";

export const uptime: Group = {
  points: [{ name: "uptime", unit: "s", summary: "Since the kernel was started" }],
  create({ tree }) {
    return async (): Promise<Sample[]> => {
      const seconds = Number.parseFloat((await tree.text("proc/uptime")) ?? "");
      return Number.isFinite(seconds) ? [{ name: "uptime", value: Math.floor(seconds), unit: "s" }] : [];
    };
  },
};

export const clock: Group = {
  points: [{ name: "clock-known", summary: "Whether the node's clock was set since its start" }],
  create({ clock }) {
    return async () => [{ name: "clock-known", value: clock.known() }];
  },
};
