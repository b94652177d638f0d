/**
 * Whether another process has an outbox open, found out without touching the file.
 *
 * The one who has it open holds SQLite's exclusive lock, a POSIX lock on bytes from 2^30 on, which the kernel lists
 * in /proc/locks as `<n>: POSIX ADVISORY WRITE <pid> <major>:<minor>:<inode> <first> <last>`. To ask SQLite
 * itself would mean to open the file, and that alone may change its log.
 */
import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { UmecError } from "../errors.ts";

const pendingByte = 2 ** 30;
const line = /^\d+: POSIX +ADVISORY +WRITE (\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) (\d+) /;

/** @throws UmecError `OUTBOX_LOCKED` with the process that has it */
export async function requireUnlocked(file: string): Promise<void> {
  const pid = await lockedBy(file);
  if (pid === undefined) return;
  throw locked(file, `process ${pid} has it open`);
}

export function locked(file: string, reason: string): UmecError {
  return new UmecError("OUTBOX_LOCKED", `${file} is in use: ${reason}`, {
    hint: "`umec status` shows the outbox of a running node; stop the node first for more",
  });
}

async function lockedBy(file: string): Promise<number | undefined> {
  const locks = await readFile("/proc/locks", "latin1").catch(() => "");
  const { ino, dev } = await stat(file, { bigint: true });
  for (const text of locks.split("\n")) {
    const [, pid, major, minor, inode, first] = line.exec(text) ?? [];
    if (inode !== String(ino) || Number(first) < pendingByte) continue;
    // Some file systems show another device in stat than the kernel's own.
    if (deviceOf(dev) === `${Number.parseInt(major!, 16)}:${Number.parseInt(minor!, 16)}`) return Number(pid);
    if (await hasOpen(Number(pid), await realpath(file))) return Number(pid);
  }
  return undefined;
}

/** glibc's gnu_dev_major and gnu_dev_minor. */
function deviceOf(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}

async function hasOpen(pid: number, path: string): Promise<boolean> {
  const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const fd of fds) if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")) === path) return true;
  return false;
}
