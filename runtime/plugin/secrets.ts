/**
 * Where a plugin's secrets come from: what the target state has sealed for this node, else the file `<dir>/<name>`, else the
 * environment variable `UMEC_SECRET_<NAME>` (capitals, `_` for `-`). Each is read or opened at each `get`, so a new
 * password holds from the next use on, and none is kept. A file must be for its owner alone; a line break at its end is
 * not part of it.
 *
 * A plugin gets those alone that its options name, as `{ secret: name }` at any depth: so the target state shows who has
 * what, and a driver can't fish for others.
 */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { isUmecError, messageOf, UmecError } from "../errors.ts";
import type { Secrets } from "./contract.ts";

export interface SecretsOptions {
  dir: string;
  /** @default process.env */
  env?: Readonly<Record<string, string | undefined>>;
  /** Those that the plugin may have. @default all */
  names?: ReadonlySet<string>;
  /** Opens a secret that is sealed; `undefined` of one that is not. @default none is */
  open?(name: string): Promise<Uint8Array> | undefined;
}

const nameSyntax = /^[a-z0-9-]+$/;
/** Read, write and execute for the group and all others. */
const forOthers = 0o077;

/** The secrets that a plugin's options name. */
export function secretNames(options: unknown): Set<string> {
  const names = new Set<string>();
  const look = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    if ("secret" in part && typeof part.secret === "string") names.add(part.secret);
    for (const inner of Object.values(part)) look(inner);
  };
  look(options);
  return names;
}

/**
 * `get` rejects with `SECRET_NAME` (no name), `SECRET_FORBIDDEN` (not the plugin's), `SECRET_MISSING` (nowhere),
 * `SECRET_EXPOSED` (others may read the file), `SECRET_UNREADABLE`, `SECRET_SEALED` (the node has no keys to open it), or
 * `SEALED_NOT_OURS` (sealed for another node, under another name, or damaged).
 */
export function createSecrets(options: SecretsOptions): Secrets {
  const { dir, env = process.env, names, open: openSealed } = options;
  return {
    async get(name) {
      if (!nameSyntax.test(name)) {
        const hint = "use a-z, 0-9 and -";
        throw new UmecError("SECRET_NAME", `${JSON.stringify(name)} is no name of a secret`, { hint });
      }
      if (names && !names.has(name)) {
        const hint = `name it in the plugin's options, as { secret: ${name} }`;
        throw new UmecError("SECRET_FORBIDDEN", `the secret ${name} is not this plugin's`, { hint });
      }
      const sealed = openSealed?.(name);
      if (sealed) return opened(sealed, name);
      const path = join(dir, name);
      const variable = `UMEC_SECRET_${name.toUpperCase().replaceAll("-", "_")}`;
      const text = (await readPrivate(path)) ?? env[variable];
      if (text !== undefined) return text.replace(/\r?\n$/, "");
      throw new UmecError(
        "SECRET_MISSING",
        `no secret ${name}: neither the file ${path} nor ${variable} is there`,
        {
          hint: `write it to ${path} and run: chmod 600 ${path}; or seal it: umec seal ${name}`,
        },
      );
    },
  };
}

async function opened(sealed: Promise<Uint8Array>, name: string): Promise<string> {
  try {
    return Buffer.from(await sealed).toString("utf8");
  } catch (cause) {
    if (isUmecError(cause, "SEALED_NOT_OURS")) throw cause;
    throw new UmecError("SECRET_SEALED", `the secret ${name} can't be opened: ${messageOf(cause)}`, {
      cause,
      hint: "the node's own keys open it: `umec status` says what is wrong with them",
    });
  }
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
