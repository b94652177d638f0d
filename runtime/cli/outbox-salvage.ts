import type { SalvageReport } from "../outbox/types.ts";
import type { Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { requireFile, requireOutbox } from "./outbox-copy.ts";
import { examine, openKeeper } from "./outbox-examine.ts";
import { requireUnlocked } from "./outbox-lock.ts";
import { showProgress } from "./progress.ts";
import { formatCount, plural } from "./units.ts";

/** Reads the outbox at `file` from end to end, and salvages it in its place where it is damaged. */
export async function salvageOutbox(file: string, json: boolean, context: Context): Promise<void> {
  const { stdout, stderr, signal } = context;
  await requireFile(file);
  await requireUnlocked(file);
  requireOutbox(file);
  const keeper = openKeeper(file);
  using progress = showProgress(stderr, "reading");
  const { salvages, chains } = await examine(keeper, { signal, onProgress: progress.update });
  keeper.close();
  progress[Symbol.dispose]();
  const lostRows = salvages.reduce((sum, salvage) => sum + salvage.lostRows, 0);
  const rows = chains.reduce((sum, chain) => sum + chain.rows, 0);
  if (json)
    stdout.write(`${JSON.stringify({ file, damaged: salvages.length > 0, rows, lostRows, salvages })}\n`);
  else if (salvages.length === 0)
    stdout.write(`${file} is whole: ${plural(rows, "row")} read, nothing to do\n`);
  else stdout.write(salvages.map(reportText).join(""));
  if (lostRows > 0) context.exitCode = exitCodes.damaged;
}

function reportText(report: SalvageReport): string {
  return `damaged: ${report.reason}
  ${plural(report.rows, "row")} with ${plural(report.samples, "sample")} carried over
  ${formatCount(report.lostRows)} rows lost for certain; gap records say so, and what else may be missing
  the damaged file is kept as ${report.setAside}
`;
}
