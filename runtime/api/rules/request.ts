/**
 * How the runtime, which is no root, asks root to make rules hold.
 *
 *     /run/umec-rules/asked/<what>   the request, renamed into place; a unit takes it away
 *     /run/umec-rules/<what>.json    {"id", "state": "applied" | "refused" | "failed", "reason"?}, renamed into place by root
 *
 * `<what>` is `names` or `traffic`. The request is lines of text: `id <uuid>` first, then what is asked for. Root believes
 * none of it and takes only lines of the forms that it knows (image/root/overlay/usr/lib/umec/system/). An answer counts
 * when it has the request's id, so that what an earlier life of this program asked for is not taken for ours; nobody
 * polls. After a power cut nothing is left of requests, answers and rules: /run is in memory.
 */
import { randomUUID } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { chmod, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UmecError } from "../../errors.ts";

export interface Request {
  /** `/run/umec-rules`, which root makes. */
  dir: string;
  what: "names" | "traffic";
  lines: readonly string[];
  /** How long root may take. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

interface Answer {
  id: string;
  state: "applied" | "refused" | "failed";
  reason?: string;
}

/**
 * Resolves when root has applied it.
 *
 * @throws UmecError `RULES_UNAVAILABLE`, `RULES_REFUSED` (root's tool did not take it; nothing has changed),
 *   `RULES_TIMEOUT`
 */
export async function request({ dir, what, lines, timeoutMs, signal }: Request): Promise<void> {
  signal?.throwIfAborted();
  const id = randomUUID();
  const asked = join(dir, "asked", what);
  if (!(await isFolder(join(dir, "asked")))) throw unavailable(dir);
  const answered = Promise.withResolvers<Answer>();
  // It may be rejected while the request is still being written.
  answered.promise.catch(() => undefined);
  const look = async () => {
    const answer = await answerIn(join(dir, `${what}.json`));
    if (answer?.id === id) answered.resolve(answer);
  };
  const watcher = watchFolder(dir, () => void look().catch(answered.reject));
  watcher.on("error", answered.reject);
  const timer = setTimeout(() => answered.reject(late(what, timeoutMs)), timeoutMs);
  const onAbort = () => answered.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    await writeFile(`${asked}.new`, `${[`id ${id}`, ...lines].join("\n")}\n`);
    // Root reads it with no more rights than anybody has.
    await chmod(`${asked}.new`, 0o644);
    await rename(`${asked}.new`, asked);
    const { state, reason = "" } = await answered.promise;
    if (state !== "applied") throw refused(what, reason);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    watcher.close();
    // Nobody took it: then nobody shall, later.
    await rm(asked, { force: true });
  }
}

async function answerIn(path: string): Promise<Answer | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as Answer);
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function watchFolder(dir: string, onChange: () => void): FSWatcher {
  try {
    return watch(dir, onChange);
  } catch {
    throw unavailable(dir);
  }
}

function unavailable(dir: string): UmecError {
  return new UmecError(
    "RULES_UNAVAILABLE",
    `there is no ${dir}: nothing here makes DNS and traffic rules hold`,
    {
      hint: "rules take a node on an image of ours (docs/image.md)",
    },
  );
}

function late(what: string, timeoutMs: number): UmecError {
  return new UmecError("RULES_TIMEOUT", `the ${what} rules were not applied within ${timeoutMs / 1000} s`, {
    hint: `look at the journal of umec-${what}.path and umec-${what}.service`,
  });
}

function refused(what: string, reason: string): UmecError {
  return new UmecError("RULES_REFUSED", `the ${what} rules are not taken: ${reason}`, {
    hint: "those of before still hold",
  });
}
