/** Programs on /data (update/program/) in the composition: orders for them, and what comes of them. */
import { dirname, join } from "node:path";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import { defaultKeyringPath, keyringName, launcherName, programDirName } from "./update/program/env.ts";
import { installProgram } from "./update/program/store.ts";
import { readSystem, systemFileName } from "./update/program/system.ts";
import { ProgramUpdater, type ProgramUpdaterOptions } from "./update/program/updater.ts";
import { version } from "./version.ts";

export interface NodeProgramsOptions extends Pick<ProgramUpdaterOptions, "fetch" | "report" | "signal"> {
  clock: Clock;
  log: Log;
  /** @default process.env */
  env?: Readonly<Record<string, string | undefined>>;
}

export function openPrograms({ clock, env = process.env, ...options }: NodeProgramsOptions): ProgramUpdater {
  const { [programDirName]: dir, [launcherName]: launcher } = env;
  return new ProgramUpdater({
    ...options,
    log: options.log.child({ part: "programs" }),
    running: version,
    dir: launcher ? dir : undefined,
    install: (path, { id }) =>
      installProgram(path, {
        ...{ dir: dir!, id, running: version },
        system: readSystem(join(dirname(launcher!), "..", systemFileName)),
        keyringPath: env[keyringName] ?? defaultKeyringPath,
        ...(clock.known() && { nowMs: clock.nowMs() }),
      }),
  });
}
