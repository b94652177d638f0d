/**
 * Where a plugin's secrets come from: the file `<dir>/<name>`, else the environment variable
 * `UMEC_SECRET_<NAME>` (capitals, `_` for `-`). A file is read at each `get`, so a new password holds from the
 * next use on; it must be for its owner alone, and a line break at its end is not part of it.
 */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UmecError } from "../errors.ts";
import type { Secrets } from "./contract.ts";

export interface SecretsOptions {
  dir: string;
  /** @default process.env */
  env?: Readonly<Record<string, string | undefined>>;
}

const nameSyntax = /^[a-z0-9-]+$/;
/** Read, write and execute for the group and all others. */
const forOthers = 0o077;

/**
 * `get` rejects with `SECRET_NAME` (no name), `SECRET_MISSING` (nowhere), `SECRET_EXPOSED` (others may read the
 * file) or `SECRET_UNREADABLE`.
 */
export function createSecrets({ dir, env = process.env }: SecretsOptions): Secrets {
  return {
    async get(name) {
      if (!nameSyntax.test(name)) {
        const hint = "use a-z, 0-9 and -";
        throw new UmecError("SECRET_NAME", `${JSON.stringify(name)} is no name of a secret`, { hint });
      }
      const path = join(dir, name);
      const variable = `UMEC_SECRET_${name.toUpperCase().replaceAll("-", "_")}`;
      const text = (await readPrivate(path)) ?? env[variable];
      if (text !== undefined) return text.replace(/\r?\n$/, "");
      throw new UmecError(
        "SECRET_MISSING",
        `no secret ${name}: neither the file ${path} nor ${variable} is there`,
        {
          hint: `write it to ${path} and run: chmod 600 ${path}`,
        },
      );
    },
  };
}

async function readPrivate(path: string): Promise<string | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const { mode } = await file.stat();
    if ((mode & forOthers) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, "0");
      throw new UmecError("SECRET_EXPOSED", `${path} has mode ${octal}: others may read it`, {
        hint: `run: chmod 600 ${path}`,
      });
    }
    return await file.readFile("utf8");
  } catch (error) {
    if (error instanceof UmecError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new UmecError("SECRET_UNREADABLE", `${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    await file?.close();
  }
}
