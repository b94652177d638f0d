/**
 * Our scripts and the npm packages they use, as a few modules in one folder.
 *
 * - An entry for the program and one for each worker thread: a thread is started by a file's name, so that file
 *   must be there under a name that does not change. All else is split at `import()`, so a command loads what it
 *   needs and a driver that no target names costs neither time nor memory.
 * - All modules lie in one folder: `import.meta.url`, `require` of an addon and the thread's file are relative to it.
 * - The same source gives the same bytes wherever it is built: paths are relative to the tree, names of chunks
 *   are hashes of their content, and nothing of the time or machine goes in. The scripts do not depend on the
 *   architecture either.
 * - Names of functions and classes are kept: a stack in a log can be read without the maps.
 */
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";
import { UmecError } from "../runtime/errors.ts";
import { addons } from "./addons.ts";
import { root } from "./paths.ts";

export interface Scripts {
  /** By file name, in order of names. */
  modules: ReadonlyMap<string, Uint8Array>;
  /** `<module>.map`, with the sources inside. */
  maps: ReadonlyMap<string, Uint8Array>;
  /** What went in, relative to the tree. */
  inputs: readonly string[];
}

/** What is started by its file name: output (without `.mjs`) and source. */
const entries = {
  umec: "runtime/cli/umec.ts",
  "outbox-thread": "runtime/outbox/thread.ts",
} as const;

/** Packages in CommonJS, and our loader of addons, need a `require`. */
const banner =
  'import{createRequire as umecRequire}from"node:module";const require=umecRequire(import.meta.url);';

export async function buildScripts(): Promise<Scripts> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    // Nothing is written there: with the tree itself as the place, maps name their sources relative to it.
    outdir: root,
    write: false,
    entryPoints: { ...entries },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    outExtension: { ".js": ".mjs" },
    chunkNames: "[name]-[hash]",
    banner: { js: banner },
    minify: true,
    keepNames: true,
    sourcemap: "linked",
    legalComments: "none",
    charset: "utf8",
    metafile: true,
    logLevel: "silent",
    plugins: [threadEntries, addonFinders],
  });
  const files = outputFiles
    .map(({ path, contents }) => [basename(path), contents] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    modules: new Map(files.filter(([name]) => name.endsWith(".mjs"))),
    maps: new Map(files.filter(([name]) => name.endsWith(".map"))),
    inputs: Object.keys(usedInputs(metafile)).toSorted(),
  };
}

/** Modules that were looked at but left out whole are not inside. */
function usedInputs(metafile: Metafile): Record<string, unknown> {
  return Object.assign({}, ...Object.values(metafile.outputs).map(({ inputs }) => inputs));
}

/** `new Worker(new URL("./x.ts", import.meta.url)` becomes the name of the entry made of that file. */
const threadEntries: Plugin = {
  name: "thread-entries",
  setup({ onLoad }) {
    const worker = /(new Worker\(\s*new URL\()"([^"]+)"(?=, import\.meta\.url\))/g;
    onLoad({ filter: /\/(runtime|drivers)\/.*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replace(worker, (_, start: string, file: string) => {
        const thread = join(dirname(path), file);
        const entry = Object.entries(entries).find(([, entrySource]) => join(root, entrySource) === thread);
        if (entry) return `${start}"./${entry[0]}.mjs"`;
        const message = `${path} starts ${file}, which is not an entry of the bundle`;
        throw new UmecError("BUNDLE_ENTRY_MISSING", message, { hint: "add it in bundle/scripts.ts" });
      });
      return { contents, loader: "ts" };
    });
  },
};

const addonFinders: Plugin = {
  name: "addon-finders",
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /\/node_modules\/.*\.js$/ }, ({ path }) => {
      const addon = addons.find((row) => path.endsWith(`/node_modules/${row.finder.path}`));
      return addon ? { contents: addon.finder.source, loader: "js" } : undefined;
    });
    onResolve({ filter: /\.node$/ }, ({ path, importer }) => {
      const addon = addons.find(({ file }) => path === `./${file}`);
      if (addon) return { path, external: true };
      const message = `${importer} loads ${path}, which is no addon of the bundle`;
      return { errors: [{ text: message, notes: [{ text: "add a row to bundle/addons.ts" }] }] };
    });
  },
};
