import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { isUmecError, messageOf } from "../errors.ts";
import { argumentsFor, offered } from "../people/offer.ts";
import { type Level, levels, personVariable, socketsPath, socketVariable } from "../people/types.ts";
import type { Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { followSession } from "./session-link.ts";

interface SessionOptions {
  person: string;
  level: Level;
  sockets: string;
}

/**
 * What ssh starts for whoever has logged in, by the line of their key (people/authorized-keys.ts); nobody else has a
 * use for it, so no help shows it.
 */
export function addSessionCommand(program: Command, context: Context): void {
  program
    .command("session", { hidden: true })
    .requiredOption("--person <name>")
    .addOption(new Option("--level <level>").choices(levels).makeOptionMandatory())
    .option("--sockets <directory>", "", socketsPath)
    .action(async (options: SessionOptions) => {
      context.exitCode = await runSession(program, options, context);
    });
}

async function runSession(
  program: Command,
  { person, level, sockets }: SessionOptions,
  context: Context,
): Promise<number> {
  const { SSH_ORIGINAL_COMMAND: command = "", SSH_CONNECTION: connection } = process.env;
  const socket = join(sockets, `${level}.sock`);
  process.env[personVariable] = person;
  process.env[socketVariable] = socket;
  const from = connection?.split(" ")[0];
  const asked = { command, ...(from !== undefined && { from }) };
  const hasShell = level === "maintainer" || level === "owner";
  let args: string[] | undefined;
  if (!hasShell) {
    try {
      args = argumentsFor(command, level);
    } catch (error) {
      // The node writes it down, and refuses it in its own words; those here say what there is instead.
      await followSession({ socket, asked: { ...asked, refused: messageOf(error) } }).catch((refusal) => {
        if (!isUmecError(refusal, "PERSON_NOT_ALLOWED")) throw refusal;
      });
      throw error;
    }
  }
  const ended = Promise.withResolvers<string>();
  await using session = await followSession({ socket, asked, lasting: hasShell, onEnd: ended.resolve });
  if (hasShell) {
    if (!session.begun)
      context.stderr.write("umec: the node is not running: only the system's journal has this session\n");
    // Waited for here: the session is over when this scope is left.
    return await runShell(command, ended.promise, context);
  }
  if (!args) {
    context.stdout.write(
      `umec offers a ${level}:\n${offered(level)
        .map((line) => `  ${line}\n`)
        .join("")}`,
    );
    return exitCodes.ok;
  }
  void ended.promise.then((reason) => {
    context.stderr.write(`umec: the session is over: ${reason}\n`);
    process.exit(exitCodes.failed);
  });
  await program.parseAsync(args, { from: "user" });
  return context.exitCode;
}

/** The shell, or a command in it, as the level's own Unix user. This process waits, and keeps the session. */
async function runShell(command: string, ended: Promise<string>, context: Context): Promise<number> {
  // What the terminal sends is for the program in front.
  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => {});
  }
  const args = command === "" ? [] : ["-c", command];
  const shell = spawn("/bin/sh", args, {
    argv0: command === "" ? "-sh" : "sh",
    stdio: "inherit",
    env: { ...process.env, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  void ended.then((reason) => {
    context.stderr.write(`umec: the session is over: ${reason}\n`);
    // An interactive shell does not hear SIGTERM.
    shell.kill("SIGKILL");
  });
  context.signal.addEventListener("abort", () => shell.kill("SIGKILL"));
  const [code, signal] = (await once(shell, "exit")) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal ? constants.signals[signal] : 0);
}
