/**
 * One life of a plugin's process: from its start until it and all that it has started are gone.
 *
 * - It leads a process group of its own: Ctrl-C reaches the runtime alone, and a signal to the plugin reaches the
 *   programs that it has started.
 * - To stop it gets SIGTERM; after `graceMs` SIGKILL. What it left behind in its group when it ended gets SIGKILL too.
 *   Who floods (`PLUGIN_FLOOD`) gets SIGKILL at once: it takes the processor from all others as long as it lives.
 * - Its stdin is a pipe that ends when the runtime does, however that dies: a program that reads it learns of that.
 * - It may be left to the process that takes this one's place, and be taken over there (../handover/): then it notices
 *   nothing.
 * - Lines of stdout and stderr go to the plugin's log, bounded in length and number (lines.ts).
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
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
  /** One that runs already: it is not started, and has no channel. @default it is started */
  adopted?: Adopted | undefined;
  /** Takes it over as it is, and returns true, where the signal's reason is {@link handOverCode}. @default it is ended */
  onLeft?: (left: LeftProgram) => boolean;
  /** Opens a channel for messages, both ways (`structuredClone`'s kinds). @default none */
  onMessage?: (message: unknown, send: (answer: unknown) => void) => void;
}

export interface Adopted {
  pid: number;
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** In words how it ended. */
  ended: Promise<string>;
}

/** With this side's ends of its pipes. */
export type LeftProgram = Omit<Adopted, "ended">;

/** Why a run ends that goes on in the process which takes this one's place. */
export const handOverCode = "PLUGIN_HANDED_OVER";

/**
 * Runs a program until `signal` aborts; resolves when it is gone then.
 *
 * @throws UmecError `PROCESS_START` when it can't be started, `PROCESS_ENDED` when it ends unasked
 */
export async function runProgram(options: ProgramOptions): Promise<void> {
  const { argv, signal, graceMs, adopted, onLeft } = options;
  if (signal.aborted && !adopted) return;
  const life = adopted ?? begin(options);
  const { stdin, stdout, stderr, pid } = life;
  const flushes = [stdout, stderr].map((stream, index) =>
    readLines(stream, {
      onLine: (line) => options.onLine(line, index === 0 ? "stdout" : "stderr"),
      onLeftOut: options.onLeftOut,
    }),
  );
  stdin.on("error", () => {});
  if (pid !== undefined) options.onStart?.(pid);

  const left = Promise.withResolvers<void>();
  let isLeft = false;
  let kill: NodeJS.Timeout | undefined;
  const stop = (): void => {
    const mayGoOn = onLeft && pid !== undefined && isUmecError(signal.reason, handOverCode);
    if (mayGoOn && onLeft({ pid, stdin, stdout, stderr })) {
      isLeft = true;
      for (const flush of flushes) flush();
      left.resolve();
      return;
    }
    const floods = isUmecError(signal.reason, "PLUGIN_FLOOD");
    signalGroup(pid, floods ? "SIGKILL" : "SIGTERM");
    if (!floods) kill = setTimeout(() => signalGroup(pid, "SIGKILL"), graceMs);
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const how = await Promise.race([life.ended, left.promise]);
    if (!signal.aborted) throw new UmecError("PROCESS_ENDED", `${argv[0]} ${how}`);
  } finally {
    clearTimeout(kill);
    signal.removeEventListener("abort", stop);
    if (!isLeft) {
      signalGroup(pid, "SIGKILL");
      stdin.destroy();
    }
  }
}

/** Starts it; `ended` rejects where that can't be. */
function begin(options: ProgramOptions): Omit<Adopted, "pid"> & { pid: number | undefined } {
  const { argv, onMessage } = options;
  const child = start(options);
  const ended = Promise.withResolvers<string>();
  ended.promise.catch(() => {});
  child.once("error", (cause) => {
    if (child.pid !== undefined) return;
    ended.reject(
      new UmecError("PROCESS_START", `${argv[0]} can't be started: ${messageOf(cause)}`, { cause }),
    );
  });
  // `exit` and not `close`: who was started by it may hold its output open.
  child.once("exit", (code, by) => ended.resolve(by ? `was ended by ${by}` : `ended with code ${code}`));
  if (onMessage) {
    const send = (answer: unknown): void => {
      if (child.connected) child.send(answer as object, () => {});
    };
    child.on("message", (message) => onMessage(message, send));
  }
  const { pid, stdin, stdout, stderr } = child;
  return { pid, stdin: stdin!, stdout: stdout!, stderr: stderr!, ended: ended.promise };
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
function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left.
  }
}
