/**
 * A control group of its own for a plugin's process (Linux, admin-guide/cgroup-v2.rst), made without privilege.
 *
 * systemd hands the service a part of the tree for its own (`Delegate=`) and starts it in a leaf of that
 * (`DelegateSubgroup=runtime`), because a group that divides among others must hold no process itself:
 *
 *     umec.service/            owned by the service's user; MemoryMax and TasksMax of the whole, set by systemd
 *     ├── runtime/             the node and its nats-server
 *     └── plugin-<name>/       one process and all that it starts, wherever that moves its session or its parent
 *
 * - **Within before it runs.** A shell enters the group and becomes the program: nothing of it runs outside.
 * - **All or nothing.** When its memory is at its end the kernel ends the whole group, and nobody else; there is no swap
 *   for it. When memory of the machine or of the service is at its end, a plugin is chosen before the node.
 * - **Nothing is left.** To end a group is to kill all in it at once (`cgroup.kill`), to wait until it is empty, and to
 *   remove it. One that an earlier life has left is ended so before the name is used again.
 *
 * When the node is killed systemd ends the service's whole part of the tree, before it starts it again.
 */
import { constants, watch } from "node:fs";
import { access, mkdir, open, readdir, readFile, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf, UmecError } from "../errors.ts";

/** What the unit calls the node's own group: `DelegateSubgroup=`. */
const leaf = "runtime";
const wanted = ["cpu", "memory", "pids"] as const;

export type Controller = (typeof wanted)[number];

/** The part of the tree in which plugins get their groups. */
export interface CgroupHome {
  path: string;
  /** Those that can limit here. */
  controllers: readonly Controller[];
}

export interface GroupLimits {
  memoryBytes?: number;
  /** Of one processor. */
  cpuPercent?: number;
}

/**
 * Processes and threads of a plugin: a Node.js has 11, and a program that multiplies must leave the node enough of what
 * the service may have (TasksMax).
 */
export const mostTasks = 64;

/** To kill and empty a group; it takes milliseconds, unless a driver of the kernel holds a process. */
const endMs = 5_000;

/** Whether this process may make groups beside its own; if so the controllers are switched on there. */
export async function findCgroupHome({
  self = "/proc/self/cgroup",
  root = "/sys/fs/cgroup",
}: {
  self?: string;
  root?: string;
} = {}): Promise<CgroupHome | undefined> {
  try {
    const own = /^0::(\/.+)$/m.exec(await readFile(self, "utf8"))?.[1];
    if (own === undefined || basename(own) !== leaf) return undefined;
    const path = join(root, dirname(own));
    for (const name of [".", "cgroup.procs", "cgroup.subtree_control"])
      await access(join(path, name), constants.W_OK);
    // Since Linux 5.14. The handed on part's own belongs to root; those of the groups made in it do not.
    await access(join(path, leaf, "cgroup.kill"));
    const control = join(path, "cgroup.subtree_control");
    for (const controller of wanted) await put(control, `+${controller}`).catch(() => {});
    const enabled = (await readFile(control, "utf8")).trim().split(" ");
    return { path, controllers: wanted.filter((controller) => enabled.includes(controller)) };
  } catch {
    return undefined;
  }
}

/** The plugin's group; `name` is a plugin's, so without slashes and dots. */
export function groupPath(home: CgroupHome, name: string): string {
  return join(home.path, `plugin-${name}`);
}

/** What is written into a new group's files. */
export function groupFiles({ memoryBytes, cpuPercent }: GroupLimits): Record<string, string> {
  return {
    "pids.max": String(mostTasks),
    "memory.oom.group": "1",
    // The node and its bus come first: what nice 5 weighs against nice 0 (sched_prio_to_weight: 335 to 1024).
    "cpu.weight": "33",
    ...(memoryBytes !== undefined && { "memory.swap.max": "0", "memory.max": String(memoryBytes) }),
    // Microseconds in each 100 ms; the kernel takes no less than 1 ms.
    ...(cpuPercent !== undefined && { "cpu.max": `${Math.max(1000, Math.round(cpuPercent * 1000))} 100000` }),
  };
}

/**
 * Makes the group anew, empty.
 *
 * @throws UmecError `PROCESS_START` when it can't be made, or an earlier one does not end
 */
export async function makeGroup(home: CgroupHome, path: string, limits: GroupLimits): Promise<void> {
  try {
    await endGroup(path);
    await mkdir(path);
    for (const [file, text] of Object.entries(groupFiles(limits))) {
      if (!home.controllers.some((controller) => file.startsWith(`${controller}.`))) continue;
      await put(join(path, file), text).catch((error: NodeJS.ErrnoException) => {
        // A kernel without swap has no limit for it.
        if (file !== "memory.swap.max" || error.code !== "ENOENT") throw error;
      });
    }
  } catch (cause) {
    throw new UmecError("PROCESS_START", `its control group ${path} can't be made: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** `argv` as it must be started to run within the group; an error in entering it ends the start. */
export function inGroup(path: string, argv: readonly string[]): string[] {
  const enter = 'echo $$ >"$1/cgroup.procs" || exit 125';
  // The service's own mark protects the node; who is chosen for the plugin's memory is the plugin.
  const unprotect = "{ echo 0 >/proc/self/oom_score_adj; } 2>/dev/null";
  return ["/bin/sh", "-c", `${enter}; ${unprotect}; shift; exec "$@"`, "sh", path, ...argv];
}

/** Why the group was ended by the kernel for memory: at its own limit, or at that of a group around it. */
export async function endedForMemory(path: string): Promise<"own" | "around" | undefined> {
  const text = await readFile(join(path, "memory.events"), "utf8").catch(() => "");
  const count = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  if (count("oom_kill") === 0) return undefined;
  return count("oom") > 0 ? "own" : "around";
}

/** Kills all in the group and removes it; nothing happens when there is none. @throws when it does not get empty */
export async function endGroup(path: string): Promise<void> {
  try {
    await put(join(path, "cgroup.kill"), "1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  await emptied(path);
  await remove(path);
}

/** The kernel tells of the change of this file by inotify. */
async function emptied(path: string): Promise<void> {
  const events = join(path, "cgroup.events");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (): void => {
    readFile(events, "utf8").then((text) => /^populated 0$/m.test(text) && resolve(), reject);
  };
  const watcher = watch(events, look);
  const timer = setTimeout(() => reject(new Error(`${path} is not empty ${endMs} ms after the kill`)), endMs);
  look();
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    watcher.close();
  }
}

/** With the groups that a program has made below it. */
async function remove(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await remove(join(path, entry.name));
  await rmdir(path);
}

/** One write; some of these files can't be read, and none may be made. */
async function put(file: string, text: string): Promise<void> {
  const handle = await open(file, constants.O_WRONLY);
  try {
    await handle.write(text);
  } finally {
    await handle.close();
  }
}
