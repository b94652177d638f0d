import { readFile } from "node:fs/promises";
import { writeDurable } from "../durable-file.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";

/**
 * Which alarms are raised, as a small JSON file: `{ "raised": ["overvoltage"] }`. It is written when one is raised or
 * cleared, and on disk, name and all, when `write` resolves.
 */
export class AlarmStateFile {
  readonly #path: string;
  readonly #log: Log;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** A file that can't be read counts as none: then what is still true is raised once more. */
  async read(): Promise<string[]> {
    try {
      const { raised } = JSON.parse(await readFile(this.#path, "utf8")) as { raised: unknown };
      if (!Array.isArray(raised)) throw new TypeError("it names no alarms");
      return raised.filter((name) => typeof name === "string");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT")
        this.#log.error(`${this.#path} can't be used, alarms may be raised once more: ${messageOf(error)}`);
      return [];
    }
  }

  write(raised: readonly string[]): Promise<void> {
    return writeDurable(this.#path, `${JSON.stringify({ raised })}\n`);
  }
}
