import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Command } from "commander";
import type { Context } from "./context.ts";

interface ApplyOptions {
  root: string;
  file: string;
  systemctl: string;
}

const socketUnit = "umec-ssh.socket";

/** What root runs in the image when the node has written who may log in; nobody else has a use for it. */
export function addPeopleCommand(program: Command, context: Context): void {
  const people = program.command("people", { hidden: true });
  people
    .command("apply")
    .option("--root <directory>", "", "/")
    .option("--file <file>", "", "data/umec/data/people.json")
    .option("--systemctl <program>", "", "systemctl")
    .action((options: ApplyOptions) => apply(options, context));
}

async function apply({ root, file, systemctl }: ApplyOptions, { stdout }: Context): Promise<void> {
  const [{ applyPeople, noteApplied }, { unitsToStop }, { levelIds }] = await Promise.all([
    import("../people/apply.ts"),
    import("../people/end-sessions.ts"),
    import("../people/accounts.ts"),
  ]);
  const run = (...args: string[]) => promisify(execFile)(systemctl, args, { timeout: 30_000 });
  const groups = await levelIds(join(root, "etc/group"));
  const place = { file: join(root, file), dir: join(root, "data/ssh") };
  const { open, narrowed } = await applyPeople({ ...place, groupOf: (level) => groups.get(level) });
  await run(open ? "start" : "stop", socketUnit);
  const units = await unitsToStop(narrowed, await levelIds(join(root, "etc/passwd")), join(root, "proc"));
  if (units.length > 0) await run("stop", ...units);
  await noteApplied(place);
  const ended = units.length > 0 ? `, sessions ended: ${units.length}` : "";
  stdout.write(`ssh is ${open ? "open" : "shut"}${ended}\n`);
}
