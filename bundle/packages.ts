/** The npm packages that are inside the bundle, as package-lock.json pins them. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { UmecError } from "../runtime/errors.ts";
import { root } from "./paths.ts";

export interface NpmPackage {
  name: string;
  version: string;
  /** An SPDX expression. */
  licence: string;
  /** SHA-512 of the package's tar file in hex. */
  sha512: string;
}

export interface Locked {
  version: string;
  license?: string;
  integrity: string;
}

export type Lock = Readonly<Record<string, Locked>>;

/** The entries of package-lock.json by path, as `node_modules/ajv`. */
export async function readLock(): Promise<Lock> {
  return JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")).packages;
}

/** Throws `BUNDLE_NOT_LOCKED`. */
export function lockedAt(lock: Lock, path: string): Locked {
  const entry = lock[path];
  if (!entry) throw new UmecError("BUNDLE_NOT_LOCKED", `${path} is not in package-lock.json`);
  return entry;
}

/** The packages that files (relative to the tree) belong to, in order of their names. */
export function packagesOf(lock: Lock, files: readonly string[]): Map<string, NpmPackage> {
  const paths = new Set(files.map(packagePath).filter((path) => path !== undefined));
  return new Map([...paths].toSorted().map((path) => [path, npmPackage(lock, path)]));
}

function npmPackage(lock: Lock, path: string): NpmPackage {
  const { version, license, integrity } = lockedAt(lock, path);
  const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  if (license === undefined) {
    throw new UmecError("BUNDLE_LICENCE_MISSING", `${name} ${version} names no licence: it can't be shipped`);
  }
  return {
    name,
    version,
    licence: license,
    sha512: Buffer.from(integrity.slice(7), "base64").toString("hex"),
  };
}

function packagePath(file: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
}

/** The text of a package's licence. */
export async function licenceText(path: string): Promise<string> {
  const dir = join(root, path);
  const files = (await readdir(dir)).filter((name) => /^(licen[cs]e|notice|copying)/i.test(name)).toSorted();
  if (files.length === 0) {
    const hint = "the bundle must carry it: use another package, or ask its authors";
    throw new UmecError("BUNDLE_LICENCE_MISSING", `${path} has no file with its licence`, { hint });
  }
  const texts = await Promise.all(files.map((name) => readFile(join(dir, name), "utf8")));
  return texts.join("\n");
}
