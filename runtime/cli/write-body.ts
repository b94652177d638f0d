import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Writes bytes to a stream, or to a file that is there only when all of them came. */
export async function writeBody(
  body: ReadableStream<Uint8Array>,
  to: string | Writable,
  signal: AbortSignal,
): Promise<void> {
  const bytes = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
  if (typeof to !== "string") return pipeline(bytes, to, { end: false, signal });
  const draft = `${to}.part`;
  try {
    await pipeline(bytes, createWriteStream(draft), { signal });
    await rename(draft, to);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
