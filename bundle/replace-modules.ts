/** Modules of packages that are replaced by others: the finders of addons, and the stand-ins. */
import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { OnLoadResult, Plugin } from "esbuild";
import { addons } from "./addons.ts";
import { root } from "./paths.ts";
import { standIns } from "./stand-ins.ts";

export interface Replaced {
  plugin: Plugin;
  /** Whether what is inside the bundle of this input, relative to the tree, is ours and not its package's. */
  isStandIn(input: string): boolean;
}

/** For one build, which fails when there is a stand-in for a module that it does not meet. */
export function replaceModules(): Replaced {
  const finders = new Map(addons.map(({ finder }) => [finder.path, finder.source]));
  const rows = new Map(standIns.map(({ path, by }) => [path, by]));
  const met = new Set<string>();
  return {
    plugin: {
      name: "replace-modules",
      setup({ onLoad, onEnd }) {
        onLoad({ filter: /\/node_modules\/.*\.c?js$/ }, async ({ path: file }) => {
          const path = belowModules(file, (name) => finders.has(name) || rows.has(name));
          if (path === undefined) return shortened(file);
          met.add(path);
          const by = rows.get(path) ?? { source: finders.get(path)! };
          const contents =
            "source" in by ? by.source : reexport(dirname(file), join(root, "bundle/stand-ins", by.file));
          return { contents, loader: "js" };
        });
        onEnd(({ errors }) => {
          // A build that stops early meets little.
          if (errors.length > 0) return {};
          const lost = [...rows.keys()].filter((path) => !met.has(path));
          const notes = [
            { text: "its package has changed: look anew, and change the row in bundle/stand-ins.ts" },
          ];
          return {
            errors: lost.map((path) => ({ text: `nothing loads ${path}, which has a stand-in`, notes })),
          };
        });
      },
    },
    isStandIn: (input) => belowModules(input, (name) => rows.has(name)) !== undefined,
  };
}

/**
 * TypeScript's CommonJS spells every export that comes from elsewhere as a property with a function, some 300 times in
 * the packages of NATS; said once it is the same. Gives nothing where there is none.
 */
async function shortened(file: string): Promise<OnLoadResult | undefined> {
  const source = await readFile(file, "utf8");
  const reexport =
    /\bObject\.defineProperty\(exports, "(\w+)", \{ enumerable: true, get: function \(\) \{ return (\w+)\.\1; \} \}\);/g;
  const contents = source.replace(reexport, 'umecReexport("$1", $2);');
  if (contents === source) return undefined;
  const helper =
    "function umecReexport(name, from) { Object.defineProperty(exports, name, { enumerable: true, get: () => from[name] }); }";
  // Behind all else, so that lines keep their numbers.
  return { contents: `${contents}\n${helper}\n`, loader: "js" };
}

/** The end of a path behind one of its `node_modules/` that is looked for. */
function belowModules(file: string, isWanted: (path: string) => boolean): string | undefined {
  const names = file.split("node_modules/");
  return names.map((_, index) => names.slice(index + 1).join("node_modules/")).find(isWanted);
}

/** As a module in CommonJS, like what it stands for. Relative, as the build's folder must not get into its maps. */
function reexport(from: string, to: string): string {
  return `module.exports = require(${JSON.stringify(relative(from, to))}).default;`;
}
