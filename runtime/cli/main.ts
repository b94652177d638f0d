/**
 * The edge of the program: the one place where errors become text and an exit status.
 *
 * A person reads one line, `umec: <message>`, and where there is one a line `hint: <what to do next>`. The stack
 * and the causes come with `--debug` or `UMEC_DEBUG=1`, anywhere on the command line.
 */
import { inspect } from "node:util";
import { CommanderError } from "commander";
import { isUmecError, messageOf } from "../errors.ts";
import type { Context } from "./context.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { listenForInterrupts } from "./interrupt.ts";
import { createProgram } from "./program.ts";

const debugOption = "--debug";
/** How long a command may take to end after the first signal, unless it says otherwise. */
const graceMs = 5000;

/** Runs the command line `args` (without the program's name); resolves with the exit status. */
export async function main(args: readonly string[], process: NodeJS.Process): Promise<number> {
  const debug = process.env.UMEC_DEBUG === "1" || args.includes(debugOption);
  using interrupts = listenForInterrupts(process, () => context.graceMs ?? graceMs);
  const { stdout, stderr } = process;
  const context: Context = { stdout, stderr, signal: interrupts.signal, exitCode: exitCodes.ok };
  try {
    const plain = args.filter((arg) => arg !== debugOption);
    await createProgram(context).parseAsync(plain, { from: "user" });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return usageExitCode(error);
    const interrupted = interrupts.exitCode();
    if (interrupted !== undefined && isAbort(error)) return interrupted;
    stderr.write(formatError(error, debug));
    return exitCodeOf(error);
  }
}

/** Commander has written its message, or the help or version that was asked for. */
function usageExitCode({ code }: CommanderError): number {
  const asked = code === "commander.helpDisplayed" || code === "commander.version";
  return asked ? exitCodes.ok : exitCodes.usage;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

export function formatError(error: unknown, debug = false): string {
  const hint = isUmecError(error) && error.hint !== undefined ? `hint: ${error.hint}\n` : "";
  return `umec: ${messageOf(error)}\n${hint}${debug ? `${inspect(error)}\n` : ""}`;
}
