import type { Readable } from "node:stream";

/**
 * Calls `onLine` for each line of `stream`, without its end (`\n` or `\r\n`). A line longer than `longest` characters
 * ends the stream with an error: something else than our peer is talking.
 */
export function readLines(stream: Readable, onLine: (line: string) => void, longest = 16 * 2 ** 20): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > longest) stream.destroy(new Error(`a line has more than ${longest} characters`));
    for (const line of lines) onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
  });
}
