/**
 * Tells a fall-back, once.
 *
 * A fall-back that ends an order is told by the updater, which asks here for the reason. One that nobody ordered here - a
 * slot that was written by hand, or a good one that went bad - is told by `collectFallBack`. Which ones were told is
 * in the file `told`: the number of the newest one, on disk after its report is. A power cut between the two tells it twice.
 */
import { readFile } from "node:fs/promises";
import { writeDurable } from "../../durable-file.ts";
import type { Attempt } from "../attempt-file.ts";
import type { UpdateReport } from "../types.ts";
import { type Evidence, readEvidence } from "./evidence.ts";
import { explain } from "./explain.ts";

/** Where root puts the evidence, on the image. */
export const evidencePath = "/data/update/fell-back";

/** Why the slot of an attempt was given up; `undefined` when it has left nothing. */
export async function fallBackReason(attempt: Attempt, dir = evidencePath): Promise<string | undefined> {
  const found = (await readEvidence(dir)).find((evidence) => isOf(evidence, attempt));
  return found && explain(found);
}

export interface CollectOptions {
  /** @default evidencePath */
  dir?: string;
  /** The file that says what was told. */
  toldPath: string;
  /** The update that is under way, if any: the updater tells of it. */
  attempt: Attempt | undefined;
  /** The version that runs. */
  version: string;
  /** Resolves when the report is on disk. */
  report(report: UpdateReport): Promise<void>;
}

/** Tells what was not told. Rejects only when a report, or what was told, can't be written. */
export async function collectFallBack(options: CollectOptions): Promise<void> {
  const { dir = evidencePath, toldPath, attempt, version, report } = options;
  const all = await readEvidence(dir);
  const told = Number.parseInt(await readFile(toldPath, "utf8").catch(() => ""), 10) || 0;
  // A number that is larger than any is of a /data that was lost since.
  const newest = all[0]?.number ?? 0;
  const untold = all.filter(({ number }) => number > told || told > newest).reverse();
  for (const evidence of untold) {
    if (!attempt || evidence.number !== newest || !isOf(evidence, attempt))
      await report(reportOf(evidence, version));
    await writeDurable(toldPath, `${evidence.number}\n`);
  }
}

function reportOf(evidence: Evidence, version: string): UpdateReport {
  return {
    phase: "fell-back",
    from: version,
    ...(evidence.version !== undefined && { to: evidence.version }),
    reason: explain(evidence),
  };
}

function isOf({ slot, version }: Evidence, attempt: Attempt): boolean {
  return slot === attempt.slot && (version === undefined || version === attempt.to);
}
