/**
 * Native addons: what the bundle ships as machine code beside Node.js itself.
 *
 * A package finds its addon by looking around on the disk, where in a bundle there is nothing to find. So the
 * one module that looks is replaced by one that loads `lib/<file>`. The file is the package's own prebuild:
 * nothing is compiled here, and it is N-API, so it does not depend on Node's version.
 *
 * A driver with an addon adds a row; nothing else changes.
 */
import type { Architecture } from "./paths.ts";

export interface Addon {
  /** Name of the npm package. */
  package: string;
  /** The addon's name in `lib/`. */
  file: string;
  /** Where the package has it for an architecture (glibc). */
  prebuilt(architecture: Architecture): string;
  /** The module of the package that looks for the addon, and what takes its place. */
  finder: { path: string; source: string };
  /** npm packages that were compiled into it. */
  compiledIn: readonly string[];
}

export const addons: readonly Addon[] = [
  {
    package: "better-sqlite3",
    file: "better_sqlite3.node",
    prebuilt: (architecture) => `prebuilds/linux-${architecture}.node`,
    finder: {
      path: "lib/binding.js",
      source: 'let addon; exports.getBinding = () => (addon ??= require("./better_sqlite3.node"));',
    },
    compiledIn: ["node-addon-api"],
  },
];
