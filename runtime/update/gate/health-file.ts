/**
 * `health.json`, in the runtime directory of the service: what the node says of its health, for root, which keeps it while a
 * slot is on trial and marks the slot good by it (image/root/overlay/usr/lib/umec/system/{trial-health,mark-good}).
 *
 *     {"ok":false,"sinceS":41,"deadlineS":300,"version":"1.4.0","waitingFor":["plugin rs485"],"failed":[]}
 *
 * On one line, its keys in this order: root reads the first three with sed. `sinceS` is the kernel's uptime, in whole
 * seconds, at which it became so. The file is replaced whole, and only when what it says has changed.
 */
import { readFile, rm } from "node:fs/promises";
import { writeDurable } from "../../durable-file.ts";
import type { Health } from "./health.ts";

export interface HealthFile extends Health {
  sinceS: number;
  deadlineS: number;
  /** Of the runtime that wrote it. */
  version: string;
}

export const healthName = "health.json";

export function formatHealth(file: HealthFile): string {
  const { ok, sinceS, deadlineS, version, waitingFor, failed } = file;
  return `${JSON.stringify({ ok, sinceS, deadlineS, version, waitingFor, failed })}\n`;
}

/** Of one writer; the newest text wins. */
export class HealthWriter {
  readonly #path: string;
  readonly #onError: (error: unknown) => void;
  #next: string | undefined;
  #writing: Promise<void> | undefined;

  constructor(path: string, onError: (error: unknown) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  write(file: HealthFile): void {
    this.#next = formatHealth(file);
    this.#writing ??= this.#work();
  }

  /** The file goes: nobody says any more how the node is. */
  async stop(): Promise<void> {
    await this.#writing;
    await rm(this.#path, { force: true }).catch(this.#onError);
  }

  /** Resolves when the newest is in its place. */
  async settle(): Promise<void> {
    await this.#writing;
  }

  async #work(): Promise<void> {
    while (this.#next !== undefined) {
      const text = this.#next;
      this.#next = undefined;
      await writeDurable(this.#path, text).catch(this.#onError);
    }
    this.#writing = undefined;
  }
}

/** `undefined` when it is not there or can't be understood. */
export async function readHealth(path: string): Promise<HealthFile | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  return parseHealth(text);
}

export function parseHealth(text: string): HealthFile | undefined {
  try {
    const file: Partial<HealthFile> = JSON.parse(text);
    const isTexts = (value: unknown): value is string[] =>
      Array.isArray(value) && value.every((entry) => typeof entry === "string");
    if (typeof file.ok !== "boolean" || !isTexts(file.waitingFor) || !isTexts(file.failed)) return undefined;
    return {
      ok: file.ok,
      sinceS: Number(file.sinceS) || 0,
      deadlineS: Number(file.deadlineS) || 300,
      version: typeof file.version === "string" ? file.version : "",
      waitingFor: file.waitingFor,
      failed: file.failed,
    };
  } catch {
    return undefined;
  }
}
