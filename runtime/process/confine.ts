/**
 * How a plugin's process is kept to its limits, by what this system can do:
 *
 * 1. **A control group of its own**, where systemd has handed this service a part of the tree, as in the image:
 *    memory.max (and no swap), cpu.max, pids.max, for the process and all that it starts (cgroup.ts).
 * 2. **systemd**, where it runs and this user may ask it: a scope of its own with MemoryMax (and no swap), CPUQuota and
 *    DeviceAllow (systemd.resource-control(5)), for the process and all that it starts.
 * 3. **A resource limit**, elsewhere: RLIMIT_DATA by the shell's `ulimit -d` (getrlimit(2)): since Linux 4.7 the heap
 *    and every private mapping that can be written. It holds for each process by itself. RLIMIT_AS would be of no use:
 *    V8 and others reserve far more addresses than memory. A driver of the bundle, whose Node.js can start up under
 *    neither everywhere, is kept to a heap instead. For processor time there is nothing, and that is said.
 *
 * Devices are held by Landlock in 1 and 3, where `setpriv` can lay it on (devices.ts); where not, that is said.
 *
 * All replace the process by the program, so that its id, its signals and its open files are the program's own.
 */
import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { promisify } from "node:util";
import { type CgroupHome, type Controller, findCgroupHome, groupPath, inGroup } from "./cgroup.ts";
import { guardDevices, whyNoGuard } from "./devices.ts";
import type { ProcessTarget } from "./types.ts";

/** What can limit a process here; `noGuard` is why devices can't be held. */
export type Confiner =
  | { kind: "cgroup"; home: CgroupHome; noGuard: string | undefined }
  | { kind: "systemd"; command: readonly string[] }
  | { kind: "rlimit"; noGuard: string | undefined };

type Limits = Omit<ProcessTarget, "exec">;

export interface Confined {
  /** Program and arguments to start instead. */
  argv: readonly string[];
  /** To be added to its environment. */
  env: Readonly<Record<string, string>>;
  /** What was asked for and can't be done, or not fully. */
  warnings: string[];
  /** The control group that must be there before the start, and be ended afterwards. */
  group?: { home: CgroupHome; path: string };
}

/** Finds out what this system can do; asks systemd once whether it would. */
export async function findConfiner(): Promise<Confiner> {
  const home = await findCgroupHome();
  if (home) return { kind: "cgroup", home, noGuard: await whyNoGuard() };
  const command = await findSystemd();
  if (command) return { kind: "systemd", command };
  return { kind: "rlimit", noGuard: await whyNoGuard() };
}

async function findSystemd(): Promise<readonly string[] | undefined> {
  const uid = process.getuid?.() ?? 0;
  const runtimeDir = process.env.XDG_RUNTIME_DIR;
  const socket = uid === 0 ? "/run/systemd/private" : runtimeDir && `${runtimeDir}/systemd/private`;
  if (!socket) return undefined;
  const command = ["systemd-run", ...(uid === 0 ? [] : ["--user"]), "--scope", "--quiet", "--collect"];
  try {
    await access(socket);
    await promisify(execFile)(command[0]!, [...command.slice(1), "--", "/bin/sh", "-c", ":"], {
      timeout: 5_000,
    });
    return command;
  } catch {
    return undefined;
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
export async function confine(
  argv: readonly string[],
  limits: Limits,
  confiner: Confiner,
  name: string,
  isNode = false,
): Promise<Confined> {
  if (confiner.kind === "systemd")
    return { argv: inScope(argv, limits, confiner.command, name), env: {}, warnings: [] };
  const guarded = await guard(argv, limits, confiner.noGuard);
  if (confiner.kind === "rlimit") return byResourceLimit(guarded, limits, isNode);
  const path = groupPath(confiner.home, name);
  return {
    argv: inGroup(path, guarded.argv),
    env: {},
    warnings: [...notHeld(limits, confiner.home.controllers), ...guarded.warnings],
    group: { home: confiner.home, path },
  };
}

function notHeld({ memoryBytes, cpuPercent }: Limits, controllers: readonly Controller[]): string[] {
  const asked = {
    cpuPercent: cpuPercent !== undefined && "cpu",
    memoryBytes: memoryBytes !== undefined && "memory",
  };
  return Object.entries(asked).flatMap(([limit, controller]) =>
    controller && !controllers.includes(controller as Controller)
      ? [`${limit} is not held: the service was not given the controller ${controller}`]
      : [],
  );
}

function inScope(
  argv: readonly string[],
  { memoryBytes, cpuPercent, devices }: Limits,
  command: readonly string[],
  name: string,
): readonly string[] {
  if (memoryBytes === undefined && cpuPercent === undefined && !devices) return argv;
  const properties = [
    ...(memoryBytes === undefined ? [] : [`MemoryMax=${memoryBytes}`, "MemorySwapMax=0"]),
    ...(cpuPercent === undefined ? [] : [`CPUQuota=${cpuPercent}%`]),
    ...(devices ? ["DevicePolicy=closed", ...devices.map((path) => `DeviceAllow=${path} rw`)] : []),
  ];
  const description = `--description=µMEC plugin ${name}`;
  return [...command, description, ...properties.flatMap((one) => ["-p", one]), "--", ...argv];
}

async function guard(
  argv: readonly string[],
  { devices }: Limits,
  noGuard: string | undefined,
): Promise<{ argv: readonly string[]; warnings: string[] }> {
  if (!devices) return { argv, warnings: [] };
  if (noGuard !== undefined) return { argv, warnings: [`devices are not held: ${noGuard}`] };
  const guarded = await guardDevices(devices, argv);
  return {
    argv: guarded.argv,
    warnings: guarded.missing.map(
      (path) => `${path} is not there yet: the plugin is started again when it comes`,
    ),
  };
}

function byResourceLimit(
  { argv, warnings: said }: { argv: readonly string[]; warnings: string[] },
  { memoryBytes, cpuPercent }: Limits,
  isNode: boolean,
): Confined {
  const warnings: string[] = [];
  if (cpuPercent !== undefined) warnings.push("cpuPercent is not held: this system can't limit it here");
  warnings.push(...said);
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
