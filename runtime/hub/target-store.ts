/**
 * Target states that tokens bring to their nodes: `targets/<name>.json` in the hub's directory (mode 0600), the name being 32
 * digits of its content's SHA-256, so that a thousand tokens with one target share a file. A file is on disk before a token
 * that names it; one that no token names any more is removed at the next start or issue.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateDirectory, writeDurable } from "../durable-file.ts";
import { messageOf, UmecError } from "../errors.ts";

/** An answer has to go through one message of NATS. */
export const mostTargetBytes = 256 * 1024;

export type Target = Record<string, unknown>;

/** The target's name in the store. @throws UmecError `HUB_TARGET_TOO_LARGE` */
export function targetName(target: Target): string {
  const text = JSON.stringify(target);
  const bytes = Buffer.byteLength(text);
  if (bytes > mostTargetBytes) {
    throw new UmecError(
      "HUB_TARGET_TOO_LARGE",
      `a target state of ${bytes} bytes is more than an answer carries (${mostTargetBytes})`,
      { hint: "put it on the card, or give the node a smaller one to begin with" },
    );
  }
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

export async function storeTargets(dir: string, targets: ReadonlyMap<string, Target>): Promise<void> {
  if (targets.size === 0) return;
  await makePrivateDirectory(join(dir, "targets"));
  for (const [name, target] of targets) await writeDurable(pathOf(dir, name), JSON.stringify(target));
}

/** @throws UmecError `HUB_TARGET_LOST` */
export async function loadTarget(dir: string, name: string): Promise<Target> {
  try {
    return JSON.parse(await readFile(pathOf(dir, name), "utf8"));
  } catch (cause) {
    throw new UmecError("HUB_TARGET_LOST", `the target state of a token can't be read: ${messageOf(cause)}`, {
      cause,
      hint: "restore targets/ in the hub's directory from a backup, or make a new token",
    });
  }
}

export async function pruneTargets(dir: string, kept: ReadonlySet<string>): Promise<void> {
  const files = await readdir(join(dir, "targets")).catch(() => []);
  for (const file of files) {
    if (!kept.has(file.replace(/\.json$/, ""))) await rm(join(dir, "targets", file), { force: true });
  }
}

function pathOf(dir: string, name: string): string {
  return join(dir, "targets", `${name}.json`);
}
