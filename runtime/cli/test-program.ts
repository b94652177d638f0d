/** The real program as a process of its own, for tests. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export interface Ended {
  /** Exit status; `null` when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningProgram extends AsyncDisposable {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<Ended>;
  /** The first line of its standard output; rejects with its last words when it ends without one. */
  firstLine(): Promise<string>;
}

const program = fileURLToPath(new URL("umec.ts", import.meta.url));

export interface StartOptions {
  cwd?: string;
  env?: Record<string, string>;
}

export function startUmec(args: readonly string[], options: StartOptions = {}): RunningProgram {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...process.env, UMEC_DEBUG: "", ...options.env },
  });
  const lines = createInterface({ input: child.stdout });
  const first = once(lines, "line") as Promise<[string]>;
  first.catch(() => undefined);
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]).then(
    ([stdout, stderr, [code]]): Ended => ({ code, stdout, stderr }),
  );
  return {
    process: child,
    ended,
    async firstLine() {
      const early = ended.then(({ code, stderr }) => {
        throw new Error(`umec ended with ${code}: ${stderr}`);
      });
      const [line] = await Promise.race([first, early]);
      return line;
    },
    async [Symbol.asyncDispose]() {
      // Not SIGKILL: it would leave a nats-server behind.
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Runs it to its end. */
export function umec(args: readonly string[], options?: StartOptions): Promise<Ended> {
  return startUmec(args, options).ended;
}

/** A directory that goes with the test. */
export async function scratch(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "umec-cli-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
