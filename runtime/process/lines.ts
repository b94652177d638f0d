import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

export interface LineOptions {
  /** Takes each line, without its end. */
  onLine: (line: string) => void;
  /** Told once a second at most how many lines were left out. */
  onLeftOut: (count: number) => void;
  /** Characters of a line; what is longer is cut into several. @default 4_096 */
  longest?: number;
  /** Lines in one second; what is more is left out. @default 200 */
  mostPerS?: number;
}

/**
 * Gives a program's output line by line, bounded in length and number: it must not fill the node's log or memory.
 *
 * @returns gives what has come of a line whose end is missing, as when nobody reads on
 */
export function readLines(stream: Readable, options: LineOptions): () => void {
  const { onLine, onLeftOut, longest = 4096, mostPerS = 200 } = options;
  const decoder = new StringDecoder("utf8");
  let held = "";
  let windowMs = 0;
  let inWindow = 0;
  let leftOut = 0;

  const give = (line: string): void => {
    const nowMs = performance.now();
    if (nowMs - windowMs >= 1000) {
      if (leftOut > 0) onLeftOut(leftOut);
      windowMs = nowMs;
      inWindow = 0;
      leftOut = 0;
    }
    if (++inWindow <= mostPerS) onLine(line);
    else leftOut++;
  };
  const take = (text: string): void => {
    held += text;
    for (;;) {
      const end = held.indexOf("\n");
      if (end < 0 && held.length <= longest) return;
      const cut = end < 0 || end > longest ? longest : end;
      const line = held.slice(0, cut).replace(/\r$/, "");
      held = held.slice(cut === end ? cut + 1 : cut);
      if (line !== "") give(line);
    }
  };
  stream.on("data", (bytes: Buffer) => take(decoder.write(bytes)));
  stream.on("error", () => {});
  const flush = (): void => {
    take(decoder.end());
    if (held !== "") give(held);
    if (leftOut > 0) onLeftOut(leftOut);
    held = "";
    leftOut = 0;
  };
  stream.on("close", flush);
  return flush;
}
