import {
  type EmitOptions,
  type Host,
  isUmecError,
  messageOf,
  type Sample,
} from "../../runtime/plugin/sdk.ts";
import type { Problem } from "./notices.ts";

/** Samples that are stored with one call. */
const batchSize = 250;

/**
 * Stores all samples, in batches. A batch with a sample that can't be stored is tried again one by one, so that
 * only that one is left out: it comes back as a problem. Rejects with every other error of `emit`.
 */
export async function emitAll(
  host: Pick<Host, "emit">,
  samples: readonly Sample[],
  options: EmitOptions,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (let start = 0; start < samples.length; start += batchSize) {
    const batch = samples.slice(start, start + batchSize);
    try {
      await host.emit(batch, options);
    } catch (error) {
      if (!isUmecError(error, "EMIT_INVALID")) throw error;
      problems.push(
        ...(batch.length === 1 ? [refused(batch[0]!, error)] : await oneByOne(host, batch, options)),
      );
    }
  }
  return problems;
}

async function oneByOne(host: Pick<Host, "emit">, batch: Sample[], options: EmitOptions): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const sample of batch) problems.push(...(await emitAll(host, [sample], options)));
  return problems;
}

function refused({ name }: Sample, error: unknown): Problem {
  return { topic: `sample ${name}`, kind: "EMIT_INVALID", message: `${name}: ${messageOf(error)}` };
}
