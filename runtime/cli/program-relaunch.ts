import { readFileSync } from "node:fs";
import { UmecError } from "../errors.ts";
import { handoverName } from "../handover/record.ts";
import { launcherName } from "../update/program/env.ts";

/**
 * Puts a new process of this program in the place of this one, with the same id and arguments, and with the environment
 * that this one was started with, whatever it has made of it since: execve(2). Whoever watches over it, such as systemd,
 * notices nothing. Exit handlers do not run.
 *
 * @param without a variable to leave out
 * @param handover descriptor of what is left to it
 * @throws UmecError `RELAUNCH` where it was not started by `bin/umec`
 */
export function relaunch({ without, handover }: { without?: string; handover?: number } = {}): never {
  const env = firstEnvironment();
  const launcher = process.env[launcherName];
  if (!launcher || !process.execve) throw new UmecError("RELAUNCH", "it was not started by bin/umec");
  if (without !== undefined) delete env[without];
  delete env[handoverName];
  if (handover !== undefined) env[handoverName] = String(handover);
  return process.execve(launcher, [launcher, ...process.argv.slice(2)], env);
}

/** proc(5): `/proc/<pid>/environ` stays what it was at the start. */
function firstEnvironment(): Record<string, string> {
  const entries = readFileSync("/proc/self/environ", "utf8")
    .split("\0")
    .filter((entry) => entry.includes("="));
  return Object.fromEntries(entries.map((entry) => splitAt(entry, entry.indexOf("="))));
}

function splitAt(text: string, at: number): [string, string] {
  return [text.slice(0, at), text.slice(at + 1)];
}
