/**
 * What a plugin keeps over restarts: a few JSON values in one small file, `state.json` (mode 0600).
 *
 * What it promises:
 * 1. **A `set` that resolved is on disk.** The file is written whole beside its place, synced, renamed over the old
 *    one, and the directory is synced: after a power cut the old values are there or the new ones.
 * 2. **It spares the flash.** Sets that come while a write is under way share the next one, and what changes nothing
 *    is not written.
 * 3. **It never keeps a plugin from starting.** A file that can't be read, or whose checksum is wrong, is set aside as
 *    `state.json.damaged`, said once, and the plugin begins without values. So is one of a newer version than this.
 *
 * The file is `{ "version": 1, "crc32": <8 hexadecimal digits>, "values": { … } }`; the checksum is of the text of
 * `values` as JSON.stringify makes it.
 */
import { readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { makePrivateDirectory, writeDurable } from "../durable-file.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { PluginState } from "./contract.ts";

export interface StateOptions {
  /** The plugin's own directory; made with the first `set`. */
  dir: string;
  log: Log;
  /** How a file is replaced on the disk. @default `writeDurable` */
  write?: (path: string, text: string) => Promise<void>;
}

/** The state of one plugin for all its runs. */
export interface StateFile extends PluginState {
  /** Resolves when no write is under way; whatever came of it was told to its callers. */
  settle(): Promise<void>;
}

const maxBytes = 64 * 1024;
const longestKey = 200;

/** Reads what an earlier run has kept. */
export async function openState(options: StateOptions): Promise<StateFile> {
  return new JsonState(options, await readValues(join(options.dir, "state.json"), options.log));
}

class JsonState implements StateFile {
  readonly #path: string;
  readonly #write: (path: string, text: string) => Promise<void>;
  /** By key the JSON text: what a caller does to a value later changes nothing here. */
  readonly #values: Map<string, string>;
  #onDisk: string;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor({ dir, write = replace }: StateOptions, values: Map<string, string>) {
    this.#path = join(dir, "state.json");
    this.#write = write;
    this.#values = values;
    this.#onDisk = documentOf(values);
  }

  get(key: string): unknown {
    const text = this.#values.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  async set(key: string, value: unknown): Promise<void> {
    const text = jsonOf(key, value);
    const before = this.#values.get(key);
    this.#values.set(key, text);
    const bytes = Buffer.byteLength(documentOf(this.#values));
    if (bytes > maxBytes) {
      if (before === undefined) this.#values.delete(key);
      else this.#values.set(key, before);
      throw new UmecError(
        "STATE_INVALID",
        `with ${key} the state has ${bytes} bytes, ${maxBytes} are allowed`,
      );
    }
    await this.#save();
  }

  #save(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#writing = this.#writeNow();
        return this.#writing;
      });
    return this.#next;
  }

  async #writeNow(): Promise<void> {
    const text = documentOf(this.#values);
    if (text === this.#onDisk) return;
    try {
      await this.#write(this.#path, text);
      this.#onDisk = text;
    } catch (cause) {
      throw new UmecError("STATE_FAILED", `${this.#path} can't be written: ${messageOf(cause)}`, { cause });
    }
  }

  async settle(): Promise<void> {
    while (this.#next) await this.#next.catch(() => {});
    await this.#writing.catch(() => {});
  }
}

async function replace(path: string, text: string): Promise<void> {
  await makePrivateDirectory(dirname(path));
  await writeDurable(path, text);
}

function jsonOf(key: string, value: unknown): string {
  if (typeof key !== "string" || key === "" || key.length > longestKey) {
    throw new UmecError("STATE_INVALID", `a key is a text of 1 to ${longestKey} characters`);
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(value, onlyJson);
  } catch (cause) {
    throw new UmecError("STATE_INVALID", `${key} can't be said in JSON: ${messageOf(cause)}`, { cause });
  }
  if (text === undefined) throw new UmecError("STATE_INVALID", `${key} can't be said in JSON`);
  return text;
}

/** JSON.stringify makes `null` of these without a word, and the total of a counter would be gone. */
function onlyJson(_key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) throw new Error(`${value} is no JSON number`);
  return value;
}

function documentOf(values: ReadonlyMap<string, string>): string {
  const text = JSON.stringify(
    Object.fromEntries([...values].map(([key, json]) => [key, JSON.parse(json) as unknown])),
  );
  return `{"version":1,"crc32":"${checksum(text)}","values":${text}}\n`;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

async function readValues(path: string, log: Log): Promise<Map<string, string>> {
  try {
    const { version, crc32: sum, values } = JSON.parse(await readFile(path, "utf8"));
    if (version !== 1) throw new Error(`it is of version ${JSON.stringify(version)}`);
    if (typeof values !== "object" || values === null || checksum(JSON.stringify(values)) !== sum)
      throw new Error("its checksum is wrong");
    return new Map(Object.entries(values).map(([key, value]) => [key, JSON.stringify(value)]));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    const aside = `${path}.damaged`;
    const kept = await rename(path, aside).then(
      () => ({ setAside: aside }),
      () => ({}),
    );
    log.error(`what the plugin kept is lost, it begins anew: ${path}: ${messageOf(error)}`, {
      code: "STATE_DAMAGED",
      ...kept,
    });
    return new Map();
  }
}
