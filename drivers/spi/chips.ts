import type { ChipType } from "./chip.ts";
import { generic } from "./chips/generic.ts";
import { max31855 } from "./chips/max31855.ts";
import { mcp3004, mcp3008 } from "./chips/mcp300x.ts";
import { w25q } from "./chips/w25q.ts";
import type { DeviceOptions } from "./options.ts";

/** What each `type` of the options stands for. */
export const chipTypes: Readonly<Record<DeviceOptions["type"], ChipType>> = {
  mcp3004,
  mcp3008,
  max31855,
  w25q,
  generic,
};
