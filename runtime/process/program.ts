/**
 * One life of a plugin's process: from its start until it and all that it has started are gone.
 *
 * - It leads a process group of its own: Ctrl-C reaches the runtime alone, and a signal to the plugin reaches the
 *   programs that it has started.
 * - To stop it gets SIGTERM; after `graceMs` SIGKILL. What it left behind in its group when it ended gets SIGKILL too.
 *   Who floods (`PLUGIN_FLOOD`) gets SIGKILL at once: it takes the processor from all others as long as it lives.
 * - Its stdin is a pipe that ends when the runtime does, however that dies: a program that reads it learns of that.
 * - Lines of stdout and stderr go to the plugin's log, bounded in length and number (lines.ts).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { isUmecError, messageOf, UmecError } from "../errors.ts";
import { readLines } from "./lines.ts";

export interface ProgramOptions {
  argv: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Ends it. */
  signal: AbortSignal;
  /** Time between SIGTERM and SIGKILL. */
  graceMs: number;
  onLine: (line: string, from: "stdout" | "stderr") => void;
  onLeftOut: (lines: number) => void;
  onStart?: (pid: number) => void;
  /** Opens a channel for messages, both ways (`structuredClone`'s kinds). @default none */
  onMessage?: (message: unknown, send: (answer: unknown) => void) => void;
}

/**
 * Runs a program until `signal` aborts; resolves when it is gone then.
 *
 * @throws UmecError `PROCESS_START` when it can't be started, `PROCESS_ENDED` when it ends unasked
 */
export async function runProgram(options: ProgramOptions): Promise<void> {
  const { argv, signal, graceMs, onMessage } = options;
  if (signal.aborted) return;
  const child = start(options);
  const closed = Promise.withResolvers<string>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  child.once("error", (cause) => {
    if (child.pid !== undefined) return;
    failed.reject(
      new UmecError("PROCESS_START", `${argv[0]} can't be started: ${messageOf(cause)}`, { cause }),
    );
  });
  // `exit` and not `close`: who was started by it may hold its output open.
  child.once("exit", (code, by) => closed.resolve(by ? `was ended by ${by}` : `ended with code ${code}`));
  for (const from of ["stdout", "stderr"] as const) {
    readLines(child[from]!, { onLine: (line) => options.onLine(line, from), onLeftOut: options.onLeftOut });
  }
  child.stdin!.on("error", () => {});
  if (onMessage) {
    const send = (answer: unknown): void => {
      if (child.connected) child.send(answer as object, () => {});
    };
    child.on("message", (message) => onMessage(message, send));
  }
  if (child.pid !== undefined) options.onStart?.(child.pid);

  let kill: NodeJS.Timeout | undefined;
  const stop = (): void => {
    const floods = isUmecError(signal.reason, "PLUGIN_FLOOD");
    signalGroup(child, floods ? "SIGKILL" : "SIGTERM");
    if (!floods) kill = setTimeout(() => signalGroup(child, "SIGKILL"), graceMs);
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    const how = await Promise.race([closed.promise, failed.promise]);
    if (!signal.aborted) throw new UmecError("PROCESS_ENDED", `${argv[0]} ${how}`);
  } finally {
    clearTimeout(kill);
    signal.removeEventListener("abort", stop);
    signalGroup(child, "SIGKILL");
    child.stdin?.destroy();
  }
}

function start({ argv, cwd, env, onMessage }: ProgramOptions): ChildProcess {
  try {
    return spawn(argv[0]!, argv.slice(1), {
      cwd,
      env: { ...env },
      detached: true,
      serialization: "advanced",
      stdio: ["pipe", "pipe", "pipe", ...(onMessage ? (["ipc"] as const) : [])],
    });
  } catch (cause) {
    throw new UmecError("PROCESS_START", `${argv[0]} can't be started: ${messageOf(cause)}`, { cause });
  }
}

/** The group outlives its leader as long as anybody is in it. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody is left.
  }
}
