/**
 * One QEMU process that ends for certain.
 *
 * 1. It is the tool root's QEMU (`image/tools/run`), whatever this machine has installed. `run` keeps the process id,
 *    so SIGKILL to it is SIGKILL to QEMU.
 * 2. It ends with the abort signal, with this process's exit, and, by the kernel's parent-death signal (`prctl(2)`,
 *    PR_SET_PDEATHSIG), also when this process is killed itself. No test run leaves a QEMU behind.
 * 3. QEMU's standard error is kept (its last 16 KiB) and stands in the error when it ends too early.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { UmecError } from "../../runtime/errors.ts";

export interface QemuOptions {
  /** What stands behind `qemu-system-aarch64`. */
  args: readonly string[];
  /** Ends it. */
  signal?: AbortSignal;
  /** Folders that QEMU must see beside the clone, the cache and the folder for temporary files. @default none */
  bind?: readonly string[];
}

export interface QemuEnd {
  /** Exit status; `null` when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface QemuProcess extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when it has ended, for whatever reason. Never rejects. */
  readonly ended: Promise<QemuEnd>;
  /** The last words on its standard error. */
  stderr(): string;
  /** SIGKILL; resolves when it has ended. May be called again. */
  kill(): Promise<QemuEnd>;
}

const toolRunner = fileURLToPath(new URL("../../image/tools/run", import.meta.url));
const stderrLimit = 16 * 1024;

/** Starts a program of the tool root; the caller waits for what it prints. Rejects with `QEMU_START_FAILED`. */
export async function startQemu(options: QemuOptions): Promise<QemuProcess> {
  const { args, signal, bind = [] } = options;
  signal?.throwIfAborted();
  const command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-aarch64", "-display", "none", ...args];
  const bound = [process.env.UMEC_TOOLS_BIND ?? "", ...bind].filter((path) => path !== "").join(":");
  const child = spawn(toolRunner, command, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, UMEC_TOOLS_BIND: bound },
  });
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words = (words + text).slice(-stderrLimit);
  });
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  signal?.addEventListener("abort", kill, { once: true });
  const ended = new Promise<QemuEnd>((resolve) => {
    child.once("close", (code, by) => {
      process.off("exit", kill);
      signal?.removeEventListener("abort", kill);
      resolve({ code, signal: by });
    });
  });
  try {
    await once(child, "spawn");
  } catch (cause) {
    throw new UmecError("QEMU_START_FAILED", `${toolRunner} can't be started`, { cause });
  }
  return {
    pid: child.pid as number,
    ended,
    stderr: () => words.trim(),
    kill() {
      kill();
      return ended;
    },
    async [Symbol.asyncDispose]() {
      kill();
      await ended;
    },
  };
}
