import { readFileSync } from "node:fs";

/** For tests. An orphan that was killed may stay as a zombie where nobody reaps it; it does not run. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
