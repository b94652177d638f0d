import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { finished } from "node:stream/promises";
import type { Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { type ExportFormat, exportFormats } from "./export-formats.ts";
import { openOutboxCopy } from "./outbox-copy.ts";
import { type SampleFilter, storedSamples } from "./outbox-samples.ts";
import { showProgress } from "./progress.ts";
import { plural } from "./units.ts";
import { writeText } from "./write-text.ts";

export interface ExportOptions extends SampleFilter {
  format: ExportFormat;
  out?: string;
}

/** Writes what waits in the outbox at `file`; says on stderr what is missing. */
export async function exportOutbox(file: string, options: ExportOptions, context: Context): Promise<void> {
  const { stdout, stderr, signal } = context;
  using progress = showProgress(stderr, "exporting");
  await using copy = await openOutboxCopy(file, { signal, onProgress: progress.update });
  const all = copy.chains.reduce((sum, { rows }) => sum + rows, 0);
  let done = 0;
  let unreadable = 0;
  const samples = storedSamples(copy.keeper, copy.opened, options, {
    signal,
    onUnreadable: () => void unreadable++,
    onRows(count) {
      done += count;
      progress.update(done, all);
    },
  });
  const text = exportFormats[options.format](samples);
  if (options.out === undefined) await writeText(text, stdout, signal);
  else await writeFile(text, options.out, signal);
  progress[Symbol.dispose]();

  for (const { reason, rows, lostRows } of copy.salvages) {
    const lost = `${plural(rows, "row")} could be read, ${lostRows} are missing for certain`;
    stderr.write(`umec: ${file} is damaged (${reason}): ${lost}\n`);
  }
  if (unreadable > 0) stderr.write(`umec: ${plural(unreadable, "row")} of ${file} are no SenML\n`);
  if (copy.salvages.length > 0 || unreadable > 0) context.exitCode = exitCodes.damaged;
}

/** Under its name the file is whole, or it is not there. */
async function writeFile(text: AsyncIterable<string>, path: string, signal: AbortSignal): Promise<void> {
  const draft = `${path}.partial`;
  const file = createWriteStream(draft);
  try {
    await writeText(text, file, signal);
    file.end();
    await finished(file);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
