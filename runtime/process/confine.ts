/**
 * How a plugin's process is kept to its limits, by what this system can do:
 *
 * 1. **systemd**, where it runs and this user may ask it: a scope of its own with MemoryMax (and no swap), CPUQuota and
 *    DeviceAllow (systemd.resource-control(5)), for the process and all that it starts.
 * 2. **A resource limit**, elsewhere: RLIMIT_DATA by the shell's `ulimit -d` (getrlimit(2)): since Linux 4.7 the heap
 *    and every private mapping that can be written. It holds for each process by itself. RLIMIT_AS would be of no use:
 *    V8 and others reserve far more addresses than memory. A driver of the bundle, whose Node.js can start up under
 *    neither everywhere, is kept to a heap instead. For processor time and devices there is nothing, and that is said.
 *
 * Both replace the process by the program, so that its id, its signals and its open files are the program's own.
 */
import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { promisify } from "node:util";
import type { ProcessTarget } from "./types.ts";

/** What can limit a process here. */
export type Confiner = { kind: "systemd"; command: readonly string[] } | { kind: "rlimit" };

export interface Confined {
  /** Program and arguments to start instead. */
  argv: readonly string[];
  /** To be added to its environment. */
  env: Readonly<Record<string, string>>;
  /** What was asked for and can't be done, or not fully. */
  warnings: string[];
}

/** Finds out what this system can do; asks systemd once whether it would. */
export async function findConfiner(): Promise<Confiner> {
  const uid = process.getuid?.() ?? 0;
  const runtimeDir = process.env.XDG_RUNTIME_DIR;
  const socket = uid === 0 ? "/run/systemd/private" : runtimeDir && `${runtimeDir}/systemd/private`;
  if (!socket) return { kind: "rlimit" };
  const command = ["systemd-run", ...(uid === 0 ? [] : ["--user"]), "--scope", "--quiet", "--collect"];
  try {
    await access(socket);
    await promisify(execFile)(command[0]!, [...command.slice(1), "--", "/bin/sh", "-c", ":"], {
      timeout: 5_000,
    });
    return { kind: "systemd", command };
  } catch {
    return { kind: "rlimit" };
  }
}

/** What V8 needs besides its old space. */
const heapBesidesBytes = 24 * 2 ** 20;

/**
 * `argv` as it must be started so that `limits` hold.
 *
 * @param name of the plugin
 * @param isNode whether it is a program of Node.js
 */
export function confine(
  argv: readonly string[],
  limits: Omit<ProcessTarget, "exec">,
  confiner: Confiner,
  name: string,
  isNode = false,
): Confined {
  const { memoryBytes, cpuPercent, devices } = limits;
  if (memoryBytes === undefined && cpuPercent === undefined && !devices)
    return { argv, env: {}, warnings: [] };
  if (confiner.kind === "systemd") {
    const properties = [
      ...(memoryBytes === undefined ? [] : [`MemoryMax=${memoryBytes}`, "MemorySwapMax=0"]),
      ...(cpuPercent === undefined ? [] : [`CPUQuota=${cpuPercent}%`]),
      ...(devices ? ["DevicePolicy=closed", ...devices.map((path) => `DeviceAllow=${path} rw`)] : []),
    ];
    const description = `--description=µMEC plugin ${name}`;
    return {
      argv: [...confiner.command, description, ...properties.flatMap((one) => ["-p", one]), "--", ...argv],
      env: {},
      warnings: [],
    };
  }
  const warnings: string[] = [];
  if (cpuPercent !== undefined) warnings.push("cpuPercent is not held: this system can't limit it here");
  if (devices) warnings.push("devices are not held: this system can't limit them here");
  if (memoryBytes === undefined) return { argv, env: {}, warnings };
  if (isNode) {
    warnings.push("memoryBytes holds for the heap of JavaScript alone");
    const heapMiB = Math.max(16, Math.floor((memoryBytes - heapBesidesBytes) / 2 ** 20));
    return { argv, env: { NODE_OPTIONS: `--max-old-space-size=${heapMiB}` }, warnings };
  }
  warnings.push("memoryBytes holds for each process of the plugin by itself (RLIMIT_DATA)");
  const kilobytes = String(Math.floor(memoryBytes / 1024));
  return {
    argv: ["/bin/sh", "-c", 'ulimit -d "$1" && shift && exec "$@"', "sh", kilobytes, ...argv],
    env: {},
    warnings,
  };
}
