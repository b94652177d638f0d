import { type Command, InvalidArgumentError } from "commander";
import { UmecError } from "../errors.ts";
import { defaultKeyringPath, keyringName, launcherName, programDirName } from "../update/program/env.ts";
import type { Context } from "./context.ts";

interface InstallOptions {
  deadline: number;
}

/** For the runtime's own user, past the running node: tests, and whoever is in a shell. People have `umec update`. */
export function addProgramCommand(program: Command, { stdout }: Context): void {
  program
    .command("program-install <file>", { hidden: true })
    .option("--deadline <seconds>", "how long the node may take to be healthy", positive, 180)
    .action(async (file: string, { deadline }: InstallOptions) => {
      const version = await install(file, deadline);
      stdout.write(`${version} is on trial from the next start of the node on\n`);
    });
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("it must be a number above 0");
}

async function install(file: string, deadlineS: number): Promise<string> {
  const { [programDirName]: dir, [launcherName]: launcher } = process.env;
  if (!dir || !launcher)
    throw new UmecError("CLI_USAGE", `there is no store of programs: ${programDirName} is not set`, {
      hint: "on a node it is /data/umec/program, and bin/umec of the bundle must be what is called",
    });
  const [{ installProgram, runningVersion }, { readSystem, systemFileName }, { dirname, join }] =
    await Promise.all([
      import("../update/program/store.ts"),
      import("../update/program/system.ts"),
      import("node:path"),
    ]);
  const system = readSystem(join(dirname(launcher), "..", systemFileName));
  const { version } = await installProgram(file, {
    ...{ dir, system, running: runningVersion(dir, system), deadlineMs: deadlineS * 1000 },
    keyringPath: process.env[keyringName] ?? defaultKeyringPath,
  });
  return version;
}
