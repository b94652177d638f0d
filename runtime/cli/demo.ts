import type { Command } from "commander";
import type { Context } from "./context.ts";

/** `umec demo` has its own options and help; all of it is loaded when it is called. */
export function addDemoCommand(program: Command, context: Context): void {
  program
    .command("demo")
    .summary("show a whole system on this machine")
    .argument("[arguments...]")
    .helpOption(false)
    .allowUnknownOption()
    .action(async (args: string[]) => {
      const { demoCommand } = await import("../demo/command.ts");
      await demoCommand(context).exitOverride().parseAsync(args, { from: "user" });
    });
}
