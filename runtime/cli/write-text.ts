import type { Writable } from "node:stream";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const chunkCharacters = 64 * 1024;

/** Writes pieces of text as fast as `to` takes them, many at once; `to` stays open. */
export async function writeText(
  pieces: AsyncIterable<string> | Iterable<string>,
  to: Writable,
  signal: AbortSignal,
): Promise<void> {
  await pipeline(Readable.from(inChunks(pieces), { objectMode: true }), to, { end: false, signal });
}

async function* inChunks(pieces: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  let chunk = "";
  for await (const piece of pieces) {
    chunk += piece;
    if (chunk.length < chunkCharacters) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}
