/**
 * Which device nodes a plugin's process may open, held by Landlock (Linux, userspace-api/landlock.rst), which any
 * process may lay on itself and none can take off again. Control groups limit devices by a program in the kernel, and
 * that needs privilege.
 *
 * util-linux' `setpriv` (2.41 or later) lays it on: files may be read and written everywhere but below /dev, and there
 * only the pseudo devices that every program takes for granted and the listed nodes. It says nothing of files, which
 * the user's own rights rule.
 *
 * A rule holds for the node that was there at the start, not for its name. A converter that is plugged in later, or
 * again, is a new node: so the process is started anew when what a name stands for has changed.
 */
import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { promisify } from "node:util";

const fileRights = "read-file,write-file";
/** Without `refer` nothing could be moved from one folder into another, whatever else is allowed. */
const folderRights = `${fileRights},refer`;
/** Those that systemd leaves open too under DevicePolicy=closed, and shared memory, which is files. */
const pseudo = ["null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm"].map(
  (name) => `/dev/${name}`,
);

export interface Guarded {
  argv: string[];
  /** Of the listed ones those that are not there now. */
  missing: string[];
}

/** `argv` as it must be started so that it may open no device node but these. */
export async function guardDevices(devices: readonly string[], argv: readonly string[]): Promise<Guarded> {
  const top = (await readdir("/")).filter((name) => name !== "dev").map((name) => `/${name}`);
  const nodes = [...pseudo, ...devices];
  const found = await identify([...top, ...nodes]);
  return {
    argv: [
      ...["setpriv", "--no-new-privs", "--landlock-access", `fs:${folderRights}`],
      ...[...found].flatMap(([path, { isFolder }]) => ["--landlock-rule", rule(path, isFolder)]),
      ...["--", ...argv],
    ],
    missing: devices.filter((path) => !found.has(path)),
  };
}

function rule(path: string, isFolder: boolean): string {
  return `path-beneath:${isFolder ? folderRights : fileRights}:${path}`;
}

/**
 * Why that does not hold here, or `undefined` when it does. It is tried once: a device that is not listed must stay shut,
 * and /dev/null open.
 */
export async function whyNoGuard(): Promise<string | undefined> {
  const look = ["/bin/sh", "-c", "(: </dev/null) && ! (: </dev/zero) 2>/dev/null"];
  const { argv } = await guardDevices([], look);
  // /dev/zero is open to all; for the trial it is not.
  const zero = argv.indexOf(rule("/dev/zero", false));
  if (zero < 0) return "there is no /dev/zero to try it with";
  argv.splice(zero - 1, 2);
  try {
    await promisify(execFile)(argv[0]!, argv.slice(1), { timeout: 15_000 });
    return undefined;
  } catch (error) {
    const { code, killed, stderr } = error as { code?: unknown; killed?: boolean; stderr?: string };
    if (code === "ENOENT") return "there is no setpriv, of util-linux 2.41 or later";
    if (killed) return "setpriv did not end within 15 s";
    return stderr?.trim().split("\n")[0] || "the kernel has no Landlock";
  }
}

/**
 * Calls `onChange` once, with the path that stands for another node than it did when this was called; not when it only
 * went away.
 */
export async function watchDevices(
  devices: readonly string[],
  onChange: (path: string) => void,
  { signal, everyMs = 2_000 }: { signal: AbortSignal; everyMs?: number },
): Promise<void> {
  if (devices.length === 0) return;
  const first = await identify(devices);
  if (signal.aborted) return;
  const timer = setInterval(async () => {
    const now = await identify(devices);
    const changed = devices.find((path) => now.has(path) && now.get(path)?.node !== first.get(path)?.node);
    if (changed === undefined || signal.aborted) return;
    clearInterval(timer);
    onChange(changed);
  }, everyMs);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/** What each path stands for now, for a comparison. */
export async function deviceNodes(devices: readonly string[]): Promise<[string, string][]> {
  return [...(await identify(devices))].map(([path, { node }]) => [path, node]);
}

/** What each path stands for now; without those that are not there. */
async function identify(paths: readonly string[]): Promise<Map<string, { node: string; isFolder: boolean }>> {
  const found = new Map<string, { node: string; isFolder: boolean }>();
  for (const path of paths) {
    try {
      const stats = await stat(path);
      const node = `${stats.dev} ${stats.ino} ${stats.rdev}`;
      found.set(path, { node, isFolder: stats.isDirectory() });
    } catch {
      // not there
    }
  }
  return found;
}
