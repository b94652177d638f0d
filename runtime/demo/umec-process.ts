/**
 * A `umec` command as a process of its own.
 *
 * It is stopped by SIGTERM, and by SIGKILL of its group when that takes too long. A nats-server that a killed
 * one leaves behind is known by its pid file and ended too. `killNow` does all of that at once, for the last
 * moment of a process that may not wait.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { UmecError } from "../errors.ts";
import { killOrphan } from "../nats/orphan.ts";

export interface UmecProcessOptions {
  args: readonly string[];
  /** Folder of its nats-server. */
  natsDir: string;
  /** @default 6_000 */
  stopMs?: number;
}

export interface UmecProcess extends AsyncDisposable {
  readonly pid: number;
  /** The first line on its standard output. Rejects with `DEMO_PROCESS_ENDED` when it ends before. */
  readonly firstLine: Promise<string>;
  /** Rejects with `DEMO_PROCESS_ENDED` when it ends though nobody stopped it; never resolves. */
  readonly failed: Promise<never>;
  /** Resolves when it and its nats-server are gone. */
  stop(): Promise<void>;
  killNow(): void;
}

const keptLines = 5;

export function startUmec({ args, natsDir, stopMs = 6_000 }: UmecProcessOptions): UmecProcess {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
    // A group of its own: Ctrl-C reaches the demo alone, which ends the others when it has what it wants.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const firstLine = Promise.withResolvers<string>();
  const failed = Promise.withResolvers<never>();
  const ended = Promise.withResolvers<void>();
  const lastWords: string[] = [];
  let stopping = false;

  for (const { promise } of [firstLine, failed]) promise.catch(() => undefined);
  createInterface({ input: child.stdout }).on("line", firstLine.resolve);
  createInterface({ input: child.stderr }).on("line", (line) => {
    lastWords.push(line);
    if (lastWords.length > keptLines) lastWords.shift();
  });
  const fail = (how: string) => {
    const words = lastWords.length > 0 ? `:\n  ${lastWords.join("\n  ")}` : "";
    const error = new UmecError("DEMO_PROCESS_ENDED", `umec ${args[0]} ${how}${words}`);
    firstLine.reject(error);
    if (!stopping) failed.reject(error);
    ended.resolve();
  };
  child.once("error", (error) => {
    if (child.pid === undefined) fail(`could not be started: ${error.message}`);
  });
  child.once("close", (code, signal) => fail(signal ? `was ended by ${signal}` : `ended with code ${code}`));

  const pidFile = join(natsDir, "nats-server.pid");
  const killGroup = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) kill(-child.pid);
  };
  const stop = async () => {
    stopping = true;
    child.kill("SIGTERM");
    const late = setTimeout(killGroup, stopMs);
    await ended.promise;
    clearTimeout(late);
    await killOrphan(pidFile, join(natsDir, "nats-server.conf"));
  };
  return {
    pid: child.pid ?? -1,
    firstLine: firstLine.promise,
    failed: failed.promise,
    stop,
    killNow() {
      killGroup();
      const natsPid = readPid(pidFile);
      if (natsPid !== undefined) kill(natsPid);
    },
    [Symbol.asyncDispose]: stop,
  };
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, "utf8"));
    const arguments_ = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return arguments_.includes(join(dirname(pidFile), "nats-server.conf")) ? pid : undefined;
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
