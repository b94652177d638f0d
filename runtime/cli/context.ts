import type { Command } from "commander";

/** What a command is given besides its arguments, and where it leaves how it went. */
export interface Context {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** @default 0 */
  exitCode: number;
  /** How long the command may take to end after the first signal. @default 5_000 */
  graceMs?: number;
}

export interface CommandText {
  /** Name and arguments, as in `check [file]`. */
  usage: string;
  /** One line for the list of commands. */
  summary: string;
  /** What `--help` says above the options; @default the summary */
  description?: string;
  /** Lines of shell, each with what it does behind a `#`. */
  examples: readonly string[];
}

/** Adds a command with examples in its help, and a pointer to it in its usage errors. */
export function addCommand(parent: Command, text: CommandText): Command {
  const command = parent.command(text.usage).summary(text.summary);
  command.description(text.description ?? text.summary);
  command.addHelpText("after", `\nExamples:\n${text.examples.map((line) => `  ${line}`).join("\n")}`);
  return command.showHelpAfterError(`hint: see ${pathOf(command)} --help`);
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}
