import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Lane } from "../plugin/contract.ts";
import { isLane } from "../subjects.ts";

/**
 * The label beside the outbox file: what must be known to salvage it when the file itself can't tell.
 * It is on disk before the first row that needs it. Losing it costs nothing as long as the file is well.
 */
export interface Label {
  /** 16 hexadecimal digits, drawn once for each store. */
  store: string;
  /** Goes up by one with each salvage. */
  generation: number;
  chains: { id: number; plugin: string; lane: Lane }[];
  epochs: { id: number; boot: string; offsetMs: number | null }[];
  /** Rows that the hub has although they are still in the file: to forget them would be to send them twice. */
  sent?: { chain: number; first: number; last: number }[];
}

export function readLabel(path: string): Label | undefined {
  try {
    const label: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isLabel(label) ? label : undefined;
  } catch {
    return undefined;
  }
}

export function writeLabel(path: string, label: Label): void {
  const draft = `${path}.new`;
  const fd = openSync(draft, "w", 0o600);
  try {
    writeSync(fd, JSON.stringify(label));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
  syncDirectory(dirname(path));
}

export function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isLabel(value: unknown): value is Label {
  if (typeof value !== "object" || value === null) return false;
  const { store, generation, chains, epochs, sent = [] } = value as Partial<Label>;
  return (
    typeof store === "string" &&
    /^[0-9a-f]{16}$/.test(store) &&
    Number.isSafeInteger(generation) &&
    Array.isArray(chains) &&
    chains.every((c) => Number.isSafeInteger(c?.id) && typeof c.plugin === "string" && isLane(c.lane)) &&
    Array.isArray(epochs) &&
    epochs.every((e) => Number.isSafeInteger(e?.id) && typeof e.boot === "string") &&
    Array.isArray(sent) &&
    sent.every((s) => [s?.chain, s?.first, s?.last].every(Number.isSafeInteger))
  );
}
