import { cpu, load } from "./cpu.ts";
import { flash, io, space } from "./disk.ts";
import type { Group } from "./group.ts";
import { temperature, voltage } from "./heat.ts";
import { memory, pressure } from "./memory.ts";
import { network } from "./network.ts";
import type { GroupName } from "./options.ts";
import { clock, uptime } from "./time.ts";

/** Each group by its name in the options. */
export const groups: Readonly<Record<GroupName, Group>> = {
  cpu,
  load,
  memory,
  pressure,
  disk: space,
  io,
  flash,
  temperature,
  voltage,
  network,
  uptime,
  clock,
};
