/**
 * `attempt.json`: that the machine restarts, or has restarted, into a slot that was just written.
 *
 * It is on disk before the restart, and until the outcome is on its way to the hub. The boot's id tells a restart of the
 * program, after which the old slot runs because nothing has happened yet, from one of the machine, after which the old
 * slot runs because the new one would not. The gate (gate/) reads it to know what is being tried.
 *
 * `{ "version": 1, "id"?, "from"?, "to", "slot": "A" | "B", "atMs", "bootId" }`
 */
import { readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory, writeDurable } from "../durable-file.ts";
import type { SlotName } from "./types.ts";

export interface Attempt {
  readonly version: 1;
  /** The order's. */
  readonly id?: string;
  /** The version that ran; left out where nobody wrote that down. */
  readonly from?: string;
  readonly to: string;
  /** The slot that was written. */
  readonly slot: SlotName;
  /** By the node's clock, which may not have been known: Unix time in milliseconds. */
  readonly atMs: number;
  /** Of the boot that wrote it. */
  readonly bootId: string;
}

export const attemptName = "attempt.json";

/** `undefined` when there is none, or none that can be read. */
export async function readAttempt(path: string): Promise<Attempt | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  try {
    const attempt: Partial<Attempt> = JSON.parse(text ?? "{}");
    const fits =
      attempt.version === 1 &&
      typeof attempt.to === "string" &&
      (attempt.slot === "A" || attempt.slot === "B") &&
      typeof attempt.bootId === "string";
    return fits ? (attempt as Attempt) : undefined;
  } catch {
    return undefined;
  }
}

/** On disk when it resolves. */
export async function writeAttempt(path: string, attempt: Attempt): Promise<void> {
  await writeDurable(path, `${JSON.stringify(attempt)}\n`);
}

/** Gone from the disk when it resolves. */
export async function removeAttempt(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}
