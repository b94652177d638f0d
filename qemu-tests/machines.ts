import { test } from "node:test";
import type { MachineName } from "./kit/devices/types.ts";

/** The boards that the stories run on; UMEC_MACHINES, with commas, names others. */
export const machines = (process.env.UMEC_MACHINES ?? "virt,imx8mp-evk").split(",") as MachineName[];

/** One story, told on each board. It has fifteen minutes; most need one or two. */
export function onEachBoard(name: string, story: (machine: MachineName) => Promise<void>): void {
  for (const machine of machines) {
    test(`${name} (${machine})`, { timeout: 900_000 }, () => story(machine));
  }
}
