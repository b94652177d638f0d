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
import { basename, join } from "node:path";
import { build, type Metafile, type OutputFile, type Plugin } from "esbuild";
import { addons } from "./addons.ts";
import { ownSources } from "./own-sources.ts";
import { root } from "./paths.ts";
import { replaceModules } from "./replace-modules.ts";

export interface Scripts {
  /** By file name, in order of names. */
  modules: ReadonlyMap<string, Uint8Array>;
  /** `<module>.map`, with the sources inside. */
  maps: ReadonlyMap<string, Uint8Array>;
  /** What went in, relative to the tree. */
  inputs: readonly string[];
  /** Modules that only an operator's machine loads, a hub for instance, and no node. */
  operatorModules: ReadonlySet<string>;
  /** Modules that only a node with an API for applications loads. */
  apiModules: ReadonlySet<string>;
}

/** What is started by its file name: output (without `.mjs`) and source. */
const entries = {
  umec: "runtime/cli/umec.ts",
  start: "runtime/cli/program-start.ts",
  "program-guard": "runtime/update/program/guard.ts",
  "outbox-thread": "runtime/outbox/thread.ts",
} as const;

/** What is taken for a package, of which only what is used goes in. */
const alias = {
  // The package as ES modules: for browsers, and but for `Buffer` and warnings the same.
  yaml: "./node_modules/yaml/browser/dist/index.js",
  typebox: "./bundle/stand-ins/typebox.ts",
  "node:http": "./bundle/stand-ins/http.ts",
};

/** Packages in CommonJS, and our loader of addons, need a `require`; few modules do. */
const banner =
  'import{createRequire as umecRequire}from"node:module";const require=umecRequire(import.meta.url);';

/** Its line stays, empty: maps count lines. */
function withoutIdleBanner({ path, contents, text }: OutputFile): Uint8Array {
  if (!path.endsWith(".mjs")) return contents;
  const rest = text.replace(banner, "");
  return /\brequire\b/.test(rest) ? contents : Buffer.from(rest);
}

/**
 * `from`: other entries than the program's, for tests. `version`: another than package.json's. Rejects with esbuild's
 * errors, and what makes it stop here.
 */
export async function buildScripts(
  from: Readonly<Record<string, string>> = entries,
  version?: string,
): Promise<Scripts> {
  const replaced = replaceModules();
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    // Nothing is written there: with the tree itself as the place, maps name their sources relative to it.
    outdir: root,
    write: false,
    entryPoints: { ...from },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // Node.js 24 has it; esbuild's table does not say so yet.
    supported: { using: true },
    alias,
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
    logOverride: { "import-is-undefined": "error" },
    plugins: [
      ownSources(from),
      replaced.plugin,
      addonFiles,
      ...(version === undefined ? [] : [otherVersion(version)]),
    ],
  });
  const files = outputFiles
    .map((file) => [basename(file.path), withoutIdleBanner(file)] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    modules: new Map(files.filter(([name]) => name.endsWith(".mjs"))),
    maps: new Map(files.filter(([name]) => name.endsWith(".map"))),
    inputs: Object.keys(usedInputs(metafile))
      .filter((input) => !replaced.isStandIn(input))
      .toSorted(),
    operatorModules: modulesBehind(operatorSource, metafile),
    apiModules: modulesBehind(apiSource, metafile),
  };
}

/** Where what a node never does begins, in import(): a hub, a card, an audit, the demo, a driver's first files. */
const operatorSource =
  /^runtime\/(hub|hub-init|sbom-audit|demo|scaffold)\/|^runtime\/cli\/(hub-|ota-|flash-)/;

/** Where the API begins, in import(). */
const apiSource = /^runtime\/(node-api\.ts$|api\/|cli\/api-)/;

/** What is loaded by these alone. */
function modulesBehind(source: RegExp, { outputs }: Metafile): Set<string> {
  const others = new Set<string>();
  const visit = (path: string): void => {
    const output = outputs[path];
    if (!output || others.has(path)) return;
    others.add(path);
    for (const { path: next, kind } of output.imports) {
      const lazy = kind === "dynamic-import" && source.test(outputs[next]?.entryPoint ?? "");
      if (!lazy) visit(next);
    }
  };
  const started = new Set<string>(Object.values(entries));
  for (const [path, { entryPoint }] of Object.entries(outputs)) {
    if (entryPoint !== undefined && started.has(entryPoint)) visit(path);
  }
  const scripts = Object.keys(outputs).filter((path) => path.endsWith(".mjs"));
  return new Set(scripts.filter((path) => !others.has(path)).map((path) => basename(path)));
}

/** Modules that were looked at but left out whole are not inside. */
function usedInputs(metafile: Metafile): Record<string, unknown> {
  return Object.assign({}, ...Object.values(metafile.outputs).map(({ inputs }) => inputs));
}

/** Instead of package.json's, of which `runtime/version.ts` takes nothing else. */
function otherVersion(version: string): Plugin {
  return {
    name: "other-version",
    setup({ onLoad }) {
      onLoad({ filter: /\/package\.json$/ }, ({ path }) =>
        path === join(root, "package.json")
          ? { contents: JSON.stringify({ version }), loader: "json" }
          : undefined,
      );
    },
  };
}

/** Machine code lies beside the modules. */
const addonFiles: Plugin = {
  name: "addon-files",
  setup({ onResolve }) {
    onResolve({ filter: /\.node$/ }, ({ path, importer }) => {
      const addon = addons.find(({ file }) => path === `./${file}`);
      if (addon) return { path, external: true };
      const message = `${importer} loads ${path}, which is no addon of the bundle`;
      return { errors: [{ text: message, notes: [{ text: "add a row to bundle/addons.ts" }] }] };
    });
  },
};
