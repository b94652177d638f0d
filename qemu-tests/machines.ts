import { type TestContext, test } from "node:test";
import type { MachineName } from "./kit/devices/types.ts";

/** The boards that the stories run on; UMEC_MACHINES, with commas, names others. */
export const machines = (process.env.UMEC_MACHINES ?? "virt,imx8mp-evk").split(",") as MachineName[];

/** For stories that show nothing more on a slower board: that one alone is asked for by UMEC_MACHINES. */
export const fastest: readonly MachineName[] = process.env.UMEC_MACHINES === undefined ? ["virt"] : machines;

/** One story, told on each board. It has fifteen minutes unless it says otherwise; most need one or two. */
export function onEachBoard(
  name: string,
  story: (machine: MachineName, t: TestContext) => Promise<void>,
  boards: readonly MachineName[] = machines,
  timeoutMs = 900_000,
): void {
  for (const machine of boards) {
    test(`${name} (${machine})`, { timeout: timeoutMs }, (t) => story(machine, t));
  }
}
