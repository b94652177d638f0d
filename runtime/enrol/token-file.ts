import { watch } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { syncDirectory } from "../durable-file.ts";

/** The file with the node's token: what is in it, and when that changes, by the kernel's notice. */
export class TokenFile {
  readonly path: string;
  readonly #listeners = new Set<() => void>();
  #text: string | undefined;

  /** Watches until `signal` aborts. */
  constructor(path: string, signal: AbortSignal) {
    this.path = path;
    const watcher = watch(dirname(path), { signal, persistent: false }, (_, name) => {
      if (name === null || name === basename(path)) void this.#look();
    });
    // The folder is gone, and with it the node's target file: that is told elsewhere.
    watcher.on("error", () => undefined);
  }

  /** The token's text; `undefined` when there is none. */
  async read(): Promise<string | undefined> {
    this.#text = await readTokenText(this.path);
    return this.#text;
  }

  /** Calls `listener` when there is another text than was read or told last; returns a function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The token has done what it was for. Tells no listener. */
  async remove(): Promise<void> {
    this.#text = undefined;
    await removeToken(this.path);
  }

  async #look(): Promise<void> {
    const before = this.#text;
    const text = await readTokenText(this.path);
    // Who read or removed it meanwhile knows.
    if (text === before || this.#text !== before) return;
    this.#text = text;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** The text of a token's file; `undefined` when there is none that can be read. */
export async function readTokenText(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.trim() === "" ? undefined : text.trim();
}

/** Gone from the disk when the promise resolves. */
export async function removeToken(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}
