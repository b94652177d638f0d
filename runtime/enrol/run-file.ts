import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { UmecError } from "../errors.ts";
import { writePrivateFile } from "../nats/private-file.ts";

/**
 * Where credentials lie that nats-server reads: the folder in memory that the service manager gives (systemd.exec(5),
 * `RuntimeDirectory=`), or `run` in the node's data.
 *
 * @throws UmecError `ENROL_NO_RUN_DIRECTORY` when the node's seed is bound to its board, and there is no folder in memory:
 * the same key would lie on the disk in plain
 */
export function runDirectory(dataPath: string, bound: boolean, env: NodeJS.ProcessEnv): string {
  const [given] = (env.RUNTIME_DIRECTORY ?? "").split(":");
  // What else lies there others may look at.
  if (given) return join(given, "link");
  if (!bound) return join(dataPath, "run");
  throw new UmecError(
    "ENROL_NO_RUN_DIRECTORY",
    "the node's keys are bound to this board, and there is no folder in memory for its credentials",
    { hint: "give the service RuntimeDirectory=, so that $RUNTIME_DIRECTORY is set" },
  );
}

/** Writes a file for its owner alone, whole or not at all, and gives its path. */
export async function writeRunFile(dir: string, name: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, name);
  await writePrivateFile(path, content);
  return path;
}

export async function removeRunFile(dir: string, name: string): Promise<void> {
  await rm(join(dir, name), { force: true });
}
