import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { MachineName } from "./devices/types.ts";

/** Each may have some 100 KiB. */
const keptLogs = 100;

/**
 * A path for a board's console log: `${XDG_CACHE_HOME:-~/.cache}/umec/qemu-logs/<time>-<machine>-<random>.log`. It
 * outlives the test, for it is what one looks at when the test has failed; the newest 100 are kept.
 */
export async function consoleLogPath(machine: MachineName): Promise<string> {
  const dir = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "umec/qemu-logs");
  await mkdir(dir, { recursive: true });
  const logs = (await readdir(dir)).filter((name) => name.endsWith(".log")).sort();
  for (const old of logs.slice(0, -keptLogs)) await rm(join(dir, old), { force: true });
  const time = new Date().toISOString().replaceAll(":", "-");
  return join(dir, `${time}-${machine}-${randomBytes(3).toString("hex")}.log`);
}
