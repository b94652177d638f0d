import { chipNames, createChardev } from "./chardev.ts";
import { noChipError } from "./errors.ts";
import type { GpioPort } from "./port.ts";
import { createSysfs, hasSysfs } from "./sysfs.ts";

export type Backend = "auto" | "chardev" | "sysfs";
export type OpenPort = (backend: Backend) => Promise<GpioPort>;

/** The kernel's GPIO lines. @throws UmecError `GPIO_NO_CHIP` */
export const openPort: OpenPort = async (backend) => {
  if (backend === "chardev") return createChardev();
  if (backend === "sysfs") return createSysfs();
  if ((await chipNames()).length > 0) return createChardev();
  if (await hasSysfs()) return createSysfs();
  throw noChipError();
};
