/**
 * Ends the nats-server that a killed runtime left behind.
 *
 * The pid file alone proves nothing, as numbers are used again: the process must also have our configuration
 * file among its arguments. A folder belongs to one runtime at a time; its owner sees to that.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** Kills the process in `pidFile` if it is a server of `configFile`. Returns its pid, or `undefined`. */
export async function killOrphan(pidFile: string, configFile: string): Promise<number | undefined> {
  const pid = Number(await readFile(pidFile, "utf8").catch(() => ""));
  if (!Number.isSafeInteger(pid) || pid <= 1 || !(await runs(pid, configFile))) return undefined;
  process.kill(pid, "SIGKILL");
  // The kernel tells nobody but the parent of a process's end, and we are not its parent.
  for (let waitedMs = 0; waitedMs < 3000 && (await runs(pid, configFile)); waitedMs += 10) await sleep(10);
  return pid;
}

/** A dead process that nobody has waited for has an empty command line, so it does not count. */
async function runs(pid: number, configFile: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.split("\0").includes(configFile);
}
