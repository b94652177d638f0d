import type { MachineName } from "../devices/types.ts";
import { imx8mpEvk } from "./imx8mp-evk.ts";
import type { Machine } from "./machine.ts";
import { raspi3b } from "./raspi3b.ts";
import { virt } from "./virt.ts";

export const machines: Readonly<Record<MachineName, Machine>> = {
  virt,
  "imx8mp-evk": imx8mpEvk,
  raspi3b,
};
