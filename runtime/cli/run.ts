import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import { UmecError } from "../errors.ts";
import type { NodeEnd } from "../node.ts";
import type { LogLevel } from "../target/types.ts";
import { addCommand, type Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import type { LogFormat } from "./log.ts";
import { checkFile, countFindings, defaultTargetPath, formatFindings } from "./target-file.ts";
import { plural } from "./units.ts";

/** How long the service manager may take to begin with a restart of the machine. */
const machineMs = 60_000;

interface RunOptions {
  logFormat: LogFormat;
  logLevel?: LogLevel;
}

export function addRunCommand(program: Command, context: Context): void {
  const run = addCommand(program, {
    usage: "run",
    summary: "run a node",
    description:
      "Runs the node that a target file describes, and follows the file when it changes. It ends with status 0 " +
      "at SIGTERM or SIGINT. When it must be started again, as after a change of the node's name, a bundle's does so by " +
      "itself, as the same process; any other ends with 75.",
    examples: [
      "umec run                                   # ./node.yaml",
      "umec run /etc/umec/node.yaml --log-format json",
      "umec run --log-level debug                 # whatever the file says",
    ],
  });
  run
    .argument("[file]", "the target file", defaultTargetPath)
    .addOption(logFormatOption())
    .addOption(logLevelOption(", whatever the file says"))
    .action(async (file: string, options: RunOptions) => {
      context.exitCode = await runNode(file, options, context);
    });
}

export function logFormatOption(): Option {
  return new Option("--log-format <format>", "lines for people, or JSON")
    .choices(["text", "json"])
    .default("text");
}

export function logLevelOption(more = ""): Option {
  return new Option("--log-level <level>", `the least important level that is written${more}`).choices([
    "debug",
    "info",
    "warn",
    "error",
  ]);
}

async function runNode(file: string, options: RunOptions, { stderr, signal }: Context): Promise<number> {
  const { target, findings } = await checkFile(file);
  stderr.write(formatFindings(findings));
  if (!target) {
    const { errors } = countFindings(findings);
    throw new UmecError("TARGET_INVALID", `${file} has ${plural(errors, "error")}: the node is not started`, {
      hint: "correct the file; `umec check` shows the findings again",
    });
  }
  const [
    { createLog },
    { findNatsServerPath },
    { startNode },
    { catchStrayErrors },
    { followPrograms, startAgain },
    { watchHealth },
    { takeHandover },
  ] = await Promise.all([
    import("./log.ts"),
    import("../nats/find-server.ts"),
    import("../node.ts"),
    import("../plugin/stray.ts"),
    import("./program-run.ts"),
    import("./program-health.ts"),
    import("../handover/take.ts"),
  ]);
  const { logFormat, logLevel } = options;
  const log = createLog({ level: logLevel ?? target.log.level, format: logFormat, destination: stderr });
  const natsServerPath = await findNatsServerPath();
  const setLogLevel = (level: LogLevel) => log.setLevel(level);
  const follow = logLevel === undefined ? { setLogLevel } : {};
  catchStrayErrors((error) => {
    log.error("the runtime itself failed, and ends", { error });
    process.exit(exitCodes.failed);
  });
  const inheritance = await takeHandover(log);
  const starting = startNode({ path: file, natsServerPath, log, ...follow, signal, inheritance });
  const node = await starting.catch((error) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (!node) return exitCodes.ok;
  const stopped = new AbortController();
  const another = followPrograms({
    watchHealth: (listener, until) => watchHealth(node, listener, until),
    log: log.child({ part: "programs" }),
    signal: AbortSignal.any([signal, stopped.signal]),
  });
  const ended = await Promise.race([node.done, another, aborted(signal)]);
  stopped.abort();
  const left = ended && "handOver" in ended && ended.handOver ? await node.handOver() : await node.stop();
  if (!ended?.restart) return exitCodes.ok;
  const { restartMachine } = ended as NodeEnd;
  if (restartMachine) {
    const failed = (error: unknown) => log.error("the machine can't be restarted", { error });
    await Promise.race([
      restartMachine().catch(failed),
      aborted(signal),
      sleep(machineMs, undefined, { signal }),
    ]).catch(() => undefined);
    return signal.aborted ? exitCodes.ok : exitCodes.temporary;
  }
  if (left && signal.aborted) {
    await left.end();
    return exitCodes.ok;
  }
  await startAgain(log, left ?? undefined);
  return exitCodes.temporary;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
