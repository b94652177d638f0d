import type { Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { type OutboxCopy, openOutboxCopy } from "./outbox-copy.ts";
import type { ChainSummary } from "./outbox-examine.ts";
import { showProgress } from "./progress.ts";
import { formatFacts, formatTable } from "./table.ts";
import { formatBytes, formatCount, plural } from "./units.ts";

/** What `--json` prints. Times are RFC 3339. */
interface Inspection {
  file: string;
  store: string;
  /** How often the store was salvaged before; `null` where the file can't tell. */
  generation: number | null;
  schemaVersion: number | null;
  fileBytes: number;
  logBytes: number;
  damaged: boolean;
  damage: { reason: string; readableRows: number; lostRows: number }[];
  chains: (Omit<ChainSummary, "oldestMs" | "newestMs"> & { oldest: string | null; newest: string | null })[];
}

export async function inspectOutbox(file: string, json: boolean, context: Context): Promise<void> {
  const { stdout, stderr, signal } = context;
  using progress = showProgress(stderr, "reading");
  await using copy = await openOutboxCopy(file, { signal, onProgress: progress.update });
  const found = inspectionOf(file, copy);
  progress[Symbol.dispose]();
  stdout.write(json ? `${JSON.stringify(found)}\n` : `${lines(found).join("\n")}\n`);
  if (found.damaged) context.exitCode = exitCodes.damaged;
}

function inspectionOf(file: string, copy: OutboxCopy): Inspection {
  const { generation = null, schemaVersion = null, fileBytes, logBytes, salvages } = copy;
  return {
    file,
    store: copy.opened.store,
    generation,
    schemaVersion,
    fileBytes,
    logBytes,
    damaged: salvages.length > 0,
    damage: salvages.map(({ reason, rows, lostRows }) => ({ reason, readableRows: rows, lostRows })),
    chains: copy.chains.map(({ oldestMs, newestMs, ...chain }) => ({
      ...chain,
      oldest: timeText(oldestMs),
      newest: timeText(newestMs),
    })),
  };
}

function timeText(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

function lines(found: Inspection): string[] {
  const { generation, schemaVersion, damage, chains } = found;
  const total = (of: "rows" | "samples") => chains.reduce((sum, chain) => sum + chain[of], 0);
  const facts = formatFacts([
    ["outbox", found.file],
    ["store", `${found.store}, generation ${generation ?? "unknown"}, schema ${schemaVersion ?? "unknown"}`],
    ["size", `${formatBytes(found.fileBytes)}, and ${formatBytes(found.logBytes)} in its log`],
    ["waiting", `${plural(total("samples"), "sample")} in ${plural(total("rows"), "row")}`],
    ["state", found.damaged ? "DAMAGED" : "whole: every row was read"],
    ...damage.map(({ reason, readableRows, lostRows }): [string, string] => [
      "",
      `${reason}: ${plural(readableRows, "row")} can be read, ${formatCount(lostRows)} are missing for certain`,
    ]),
  ]);
  if (chains.length === 0) return facts;
  const table = formatTable(
    [
      { title: "PLUGIN" },
      { title: "LANE" },
      { title: "ROWS", align: "right" },
      { title: "SAMPLES", align: "right" },
      { title: "GAPS", align: "right" },
      { title: "OLDEST" },
      { title: "NEWEST" },
    ],
    chains.map(({ plugin, lane, rows, samples, gaps, oldest, newest }) => {
      const unknown = rows > 0 ? "time not known" : "";
      const counts = [rows, samples, gaps].map(formatCount);
      return [plugin, lane, ...counts, oldest ?? unknown, newest ?? unknown];
    }),
  );
  return [...facts, "", ...table];
}
