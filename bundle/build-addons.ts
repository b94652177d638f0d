/**
 * The machine code of each addon: the package's prebuild, or our build of its sources.
 *
 * - It is compiled with Debian's g++ of the tool root (image/tools), never with this machine's, and against the
 *   headers of the Node.js that ships for the architecture. The packages' own build (node-gyp) needs Python and
 *   adds nothing but the flags below.
 * - The same sources, headers and compiler give the same bytes wherever it is built: paths in it are relative to the
 *   tree, it has no build id and no symbols.
 * - A build lies in `${cache}/addons/<key>/`, where the key is the checksum of all that goes in. It is made beside
 *   its place and moved there when it is whole; of two runs at once both compile, and one build stays.
 */
import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { isUmecError, UmecError } from "../runtime/errors.ts";
import { type Addon, addons, type Compiled } from "./addons.ts";
import { nodePackage, packageFor } from "./node-package.ts";
import { type Architecture, cacheDir, root } from "./paths.ts";
import { runTool } from "./run-tool.ts";

const compilers: Record<Architecture, string> = {
  arm64: "aarch64-linux-gnu-g++",
  x64: "x86_64-linux-gnu-g++",
};

/** Those of Node's common.gypi and node-gyp's addon.gypi that matter on Linux. */
const flags = [
  ..."-std=gnu++20 -O2 -fPIC -pthread -fno-rtti -fno-exceptions -fvisibility=hidden -w".split(" "),
  ..."-D_GLIBCXX_USE_CXX11_ABI=1 -D_FILE_OFFSET_BITS=64 -DBUILDING_NODE_EXTENSION".split(" "),
  ..."-shared -Wl,--build-id=none -Wl,--as-needed -s".split(" "),
];

/** What decides which compiler it is. */
const toolRoot = ["image/tools/packages.txt", "image/tools/root.sh"];

export interface BuildOptions {
  architecture: Architecture;
  /** Below the cache or the folder for temporary files: the tool root sees no other. @default cacheDir() */
  cache?: string;
}

/**
 * Path of an addon's machine code for an architecture, built if there is none.
 *
 * @throws UmecError `BUNDLE_ADDON_FAILED` when it can't be compiled
 */
export async function addonCode(addon: Addon, options: BuildOptions): Promise<string> {
  const { code } = addon;
  if (!("prebuilt" in code)) return compiled({ ...addon, code }, options);
  const path = code.prebuilt(options.architecture);
  if (!code.packageFor) return join(root, "node_modules", addon.package, path);
  const { dir } = await packageFor(code.packageFor(options.architecture), [path]);
  return join(dir, path);
}

/** Addons that are not in their packages: what a clone has to build before it can use them. */
export const compiledAddons = addons.filter((addon) => "sources" in addon.code);

async function compiled(
  addon: Addon & { code: Compiled },
  { architecture, cache = cacheDir() }: BuildOptions,
): Promise<string> {
  const node = await nodePackage(architecture);
  const name = addon.file.replace(/\.node$/, "");
  const sources = addon.code.sources.map((path) => join("node_modules", addon.package, path));
  const args = [
    ...flags,
    `-DNODE_GYP_MODULE_NAME=${name}`,
    `-I${node.headers}`,
    "-Inode_modules/nan",
    `-ffile-prefix-map=${node.headers}=node`,
    ...sources,
  ];

  const parts = [
    compilers[architecture],
    node.version,
    ...args.map((arg) => arg.replaceAll(node.headers, "")),
  ];
  const inputs = [
    ...toolRoot,
    ...(await filesOf(`node_modules/${addon.package}/src`)),
    ...(await filesOf("node_modules/nan")),
  ];
  const key = await keyOf(parts, inputs);
  const dir = join(cache, "addons", key);
  const built = join(dir, addon.file);
  if (await exists(built)) return built;

  await mkdir(join(cache, "addons"), { recursive: true });
  const work = await mkdtemp(join(cache, "addons", "making."));
  try {
    const run = [compilers[architecture], ...args, "-o", join(work, addon.file)];
    await runTool(join(root, "image/tools/run"), run, root);
    await rename(work, dir).catch(async (error) => {
      // Another run was first.
      if (!(await exists(built))) throw error;
    });
    return built;
  } catch (cause) {
    if (!isUmecError(cause)) throw cause;
    // The compiler's words, or the tool root's when that can't be made; not the long command before them.
    const said = (cause.cause as { stderr?: string } | undefined)?.stderr?.trim() || cause.message;
    const message = `${addon.package} could not be compiled for ${architecture}:\n${said}`;
    throw new UmecError("BUNDLE_ADDON_FAILED", message, { cause });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function keyOf(parts: readonly string[], inputs: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(parts));
  for (const path of inputs) hash.update(`\0${path}\0`).update(await readFile(join(root, path)));
  return hash.digest("hex").slice(0, 16);
}

/** Of the tree's folder `dir`, relative to the tree, in order of names. */
async function filesOf(dir: string): Promise<string[]> {
  const entries = await readdir(join(root, dir), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(root, join(parentPath, name)))
    .toSorted();
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
