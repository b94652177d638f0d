/**
 * RAUC, as the runtime reaches it: it is no root, so it asks by a file and reads answers.
 *
 *     /run/umec-control/install     {"id", "path", "permit"?}, renamed into place; starts umec-update.service and is gone
 *                                   when that has read it
 *     /run/umec-update/state.json   {"id", "state": "installing" | "installed" | "refused" | "failed", "percent", "reason"?}
 *     /run/umec-update/slots.json   SlotState of A and B
 *
 * Root replaces its files by a rename, and inotify tells of it; nobody polls. An answer counts when it has the request's
 * id, so one that an earlier life of this program has asked for is waited out and not taken for ours. What root checks, it
 * checks as if we were an enemy (image/root/overlay/usr/lib/umec/system/update); what is checked here is for the words,
 * and so that a damaged bundle costs no slot.
 *
 * RAUC can't be stopped in the middle. When the signal is aborted a request that was not taken yet is withdrawn; otherwise
 * the slot is written to its end by itself, and is the first in the boot order.
 */
import { randomUUID } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UmecError } from "../errors.ts";
import { readBundleFile } from "./bundle-file.ts";
import { wordsFor } from "./rauc-words.ts";
import type { BundleInfo, InstallOptions, SlotState, UpdateEngine } from "./types.ts";

export interface RaucEngineOptions {
  /** Where requests are put. @default "/run/umec-control" */
  control?: string;
  /** Where root answers. @default "/run/umec-update" */
  answers?: string;
  /** A request that nobody has taken after this time has failed. @default 120 s */
  takenMs?: number;
}

interface Answer {
  id: string;
  state: "installing" | "installed" | "refused" | "failed";
  percent: number;
  reason?: string;
}

export class RaucEngine implements UpdateEngine {
  readonly #control: string;
  readonly #answers: string;
  readonly #takenMs: number;

  constructor({
    control = "/run/umec-control",
    answers = "/run/umec-update",
    takenMs = 120_000,
  }: RaucEngineOptions = {}) {
    this.#control = control;
    this.#answers = answers;
    this.#takenMs = takenMs;
  }

  /** Whether this machine has slots: it runs an image of ours. */
  async isHere(): Promise<boolean> {
    return (await stat(this.#answers).catch(() => undefined))?.isDirectory() ?? false;
  }

  /** Waits for them: early after the start root may not have looked yet. */
  slots(signal: AbortSignal): Promise<readonly SlotState[]> {
    return this.#await("slots.json", (slots: SlotState[]) => slots, signal);
  }

  async install(path: string, { signal, permit, onProgress }: InstallOptions): Promise<BundleInfo> {
    const info = await readBundleFile(path, signal);
    const id = randomUUID();
    const permitPath = permit === undefined ? undefined : join(dirname(path), `${id}.permit`);
    const taken = new AbortController();
    const over = AbortSignal.any([signal, taken.signal]);
    const timer = setTimeout(() => taken.abort(notTaken(this.#takenMs)), this.#takenMs);
    try {
      if (permitPath !== undefined)
        await writeFile(permitPath, Buffer.from(permit ?? "", "base64"), { mode: 0o600 });
      const answered = this.#await(
        "state.json",
        (answer: Answer) => {
          // Another installation is under way: ours is taken when that has ended.
          if (answer.id !== id) return void timer.refresh();
          clearTimeout(timer);
          if (answer.state !== "installing") return answer;
          onProgress?.(answer.percent);
          return undefined;
        },
        over,
      );
      // Rejected by the abort below when the request could not even be written.
      answered.catch(() => undefined);
      const asked = this.#ask({ id, path, ...(permitPath !== undefined && { permit: permitPath }) });
      const [{ state, reason = "" }] = await Promise.all([answered, asked]);
      if (state === "installed") return info;
      throw new UmecError(
        state === "refused" ? "UPDATE_REFUSED" : "UPDATE_FAILED",
        state === "refused" ? wordsFor(reason) : `the bundle could not be written: ${reason}`,
      );
    } finally {
      clearTimeout(timer);
      taken.abort();
      await rm(join(this.#control, "install"), { force: true });
      if (permitPath !== undefined) await rm(permitPath, { force: true });
    }
  }

  async restart(): Promise<void> {
    await writeFile(join(this.#control, "reboot"), "");
    await new Promise<never>(() => {});
  }

  async #ask(request: { id: string; path: string; permit?: string }): Promise<void> {
    const draft = join(this.#control, "install.new");
    await writeFile(draft, `${JSON.stringify(request)}\n`, { mode: 0o644 });
    await rename(draft, join(this.#control, "install"));
  }

  /** Calls `take` with what is in the file now and each time that it is replaced, until it gives something. */
  async #await<T extends object, R>(
    name: string,
    take: (content: T) => R | undefined,
    signal: AbortSignal,
  ): Promise<R> {
    signal.throwIfAborted();
    const found = Promise.withResolvers<R>();
    const onAbort = () => found.reject(signal.reason);
    const look = async () => {
      const text = await readFile(join(this.#answers, name), "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
      const result = text === undefined ? undefined : take(JSON.parse(text));
      if (result !== undefined) found.resolve(result);
    };
    let looking: Promise<void> = Promise.resolve();
    const lookAgain = () => {
      looking = looking.then(look).catch(found.reject);
    };
    const watcher = this.#watch(name, lookAgain);
    watcher.on("error", found.reject);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      lookAgain();
      return await found.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      watcher.close();
    }
  }

  #watch(name: string, onChange: () => void): FSWatcher {
    try {
      return watch(this.#answers, (_, changed) => {
        if (changed === name) onChange();
      });
    } catch (cause) {
      throw new UmecError("UPDATE_NO_SLOTS", `there is no ${this.#answers}: this machine has no slots`, {
        cause,
        hint: "an update of the whole system takes a node on an image (docs/image.md)",
      });
    }
  }
}

function notTaken(afterMs: number): UmecError {
  return new UmecError(
    "UPDATE_FAILED",
    `nobody has taken the request to install within ${afterMs / 1000} s`,
    {
      hint: "look at the journal of umec-update.path and umec-update.service",
    },
  );
}
