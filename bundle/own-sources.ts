/** What is changed in our own sources on their way into the bundle. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";
import { UmecError } from "../runtime/errors.ts";
import { root } from "./paths.ts";

/** `entries`: what is started by its file name: output (without `.mjs`) and source. */
export function ownSources(entries: Readonly<Record<string, string>>): Plugin {
  return {
    name: "own-sources",
    setup({ onLoad }) {
      onLoad({ filter: /\/(runtime|drivers)\/.*\.ts$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        return { contents: typesByName(withEntries(source, path, entries), path), loader: "ts" };
      });
    },
  };
}

/** `new Worker(new URL("./x.ts", import.meta.url)` becomes the name of the entry made of that file. */
function withEntries(source: string, path: string, entries: Readonly<Record<string, string>>): string {
  const worker = /(new Worker\(\s*new URL\()"([^"]+)"(?=, import\.meta\.url\))/g;
  return source.replace(worker, (_, start: string, file: string) => {
    const thread = join(dirname(path), file);
    const entry = Object.entries(entries).find(([, entrySource]) => join(root, entrySource) === thread);
    if (entry) return `${start}"./${entry[0]}.mjs"`;
    const message = `${path} starts ${file}, which is not an entry of the bundle`;
    throw new UmecError("BUNDLE_ENTRY_MISSING", message, { hint: "add it in bundle/scripts.ts" });
  });
}

/**
 * `import Type from "typebox"` and `import { Type } from "typebox"` name one object with all that TypeBox can do; as
 * `import * as Type` it is what is used of it, and esbuild tells what our stand-in lacks.
 */
function typesByName(source: string, path: string): string {
  const statement =
    /^import (?:Type(?:, \{ type \w+(?:, type \w+)* \})?|\{ (?:type \w+, )*Type(?:, type \w+)* \}) from "typebox";$/gm;
  const byName = 'import * as Type from "typebox";';
  const contents = source.replace(statement, byName);
  const other = /^import (?!type )[^;"]* from "typebox";$/m.exec(contents.replaceAll(byName, ""));
  if (!other) return contents;
  throw new UmecError("BUNDLE_TYPEBOX", `${path} imports more of TypeBox than Type: ${other[0]}`, {
    hint: 'the bundle has a stand-in for Type alone: `import Type, { type Static } from "typebox"`',
  });
}
