import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { checkFile, countFindings, defaultTargetPath, formatFindings } from "./target-file.ts";
import { plural } from "./units.ts";

export function addCheckCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "check",
    summary: "find every error of a target file",
    description:
      "Checks a node's target file as a node does, and shows every finding with its place. Nothing is started.",
    examples: [
      "umec check                    # ./node.yaml",
      "umec check lamp-0042.yaml     # exit status 3 when it has errors",
      "umec check --json | jq -r '.findings[].reason'",
    ],
  })
    .argument("[file]", "the target file", defaultTargetPath)
    .option("--json", "one JSON object: file, ok, errors, warnings, findings")
    .action(async (file: string, { json }: { json?: true }) => {
      const { target, findings } = await checkFile(file);
      const { errors, warnings } = countFindings(findings);
      const ok = target !== undefined;
      if (json) {
        context.stdout.write(`${JSON.stringify({ file, ok, errors, warnings, findings })}\n`);
      } else {
        const state = ok ? `ok, ${plural(target.plugins.length, "plugin")}` : plural(errors, "error");
        const more = warnings > 0 ? `, ${plural(warnings, "warning")}` : "";
        context.stdout.write(`${formatFindings(findings)}${file}: ${state}${more}\n`);
      }
      if (!ok) context.exitCode = exitCodes.invalidTarget;
    });
}
