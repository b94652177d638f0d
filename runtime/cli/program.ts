import { Command } from "commander";
import { version } from "../version.ts";
import { addApiCommand } from "./api.ts";
import { addAppCommand } from "./app.ts";
import { addAuditCommand } from "./audit.ts";
import { addCheckCommand } from "./check.ts";
import { addCommissionCommand } from "./commission.ts";
import type { Context } from "./context.ts";
import { addDemoCommand } from "./demo.ts";
import { addDiscoverCommand } from "./discover.ts";
import { addEnrolCommand } from "./enrol.ts";
import { exitCodeMeanings } from "./exit-codes.ts";
import { addFlashCommand } from "./flash.ts";
import { addHubCommand } from "./hub.ts";
import { addNewCommand } from "./new.ts";
import { addOtaCommand } from "./ota.ts";
import { addOutboxCommand } from "./outbox.ts";
import { addPeopleCommand } from "./people.ts";
import { addPluginProcessCommand } from "./plugin-process.ts";
import { addProgramCommand } from "./program-install.ts";
import { addRebootCommand } from "./reboot.ts";
import { addRunCommand } from "./run.ts";
import { addSchemaCommand } from "./schema.ts";
import { addSealCommand } from "./seal.ts";
import { addSessionCommand } from "./session.ts";
import { addSetCommand } from "./set.ts";
import { addStatusCommand } from "./status.ts";
import { addTargetCommand } from "./target.ts";
import { addUpdateCommand } from "./update.ts";

/**
 * All commands with their options and help. Each one imports what it does its work with when it is called,
 * so that `umec --help` loads next to nothing.
 */
export function createProgram(context: Context): Command {
  const program = new Command("umec")
    .description("Turns a small board into a managed edge node, and keeps the hub that its samples go to.")
    .version(version, "-V, --version", "the version")
    .option("--debug", "show where an error comes from; also UMEC_DEBUG=1")
    .helpOption("-h, --help", "what a command does, with examples")
    .helpCommand(false)
    // Each command keeps its options to itself: `hub` and `hub read` both have a --url.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "umec: ")),
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .showHelpAfterError("hint: see umec --help");
  program.addHelpText("after", `\nExit status:\n${exitStatus()}\n\nExamples:\n${examples}`);
  addRunCommand(program, context);
  addCheckCommand(program, context);
  addStatusCommand(program, context);
  addSetCommand(program, context);
  addTargetCommand(program, context);
  addUpdateCommand(program, context);
  addRebootCommand(program, context);
  addSealCommand(program, context);
  addAppCommand(program, context);
  addApiCommand(program, context);
  addEnrolCommand(program, context);
  addDiscoverCommand(program, context);
  addSchemaCommand(program, context);
  addCommissionCommand(program, context);
  addFlashCommand(program, context);
  addHubCommand(program, context);
  addOtaCommand(program, context);
  addOutboxCommand(program, context);
  addAuditCommand(program, context);
  addProgramCommand(program, context);
  addNewCommand(program, context);
  addDemoCommand(program, context);
  addPluginProcessCommand(program, context);
  addSessionCommand(program, context);
  addPeopleCommand(program, context);
  return program;
}

const examples = `  umec demo                   # a whole system on this machine: devices, node, hub, an outage
  umec hub --node lamp-0042   # a hub; prints what goes into the node's node.yaml
  umec run node.yaml          # a node`;

function exitStatus(): string {
  return exitCodeMeanings.map(([code, meaning]) => `  ${code.padEnd(9)} ${meaning}`).join("\n");
}
