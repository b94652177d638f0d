/**
 * Native addons: what the bundle ships as machine code beside Node.js itself.
 *
 * A package finds its addon by looking around on the disk, where in a bundle there is nothing to find. So the
 * one module that looks is replaced by one that loads `lib/<file>`. The file is the package's own prebuild, which
 * is N-API and so does not depend on Node's version, or, where a package ships sources alone, compiled for the very
 * Node.js that ships: `build-addons.ts`.
 *
 * A driver with an addon adds a row; nothing else changes.
 */
import type { Architecture } from "./paths.ts";

export interface Addon {
  /** Name of the npm package. */
  package: string;
  /** The addon's name in `lib/`. */
  file: string;
  /** Where its machine code (glibc) comes from; paths are below the package. */
  code: Prebuilt | Compiled;
  /** The module that looks for the addon, below `node_modules`, and what takes its place. */
  finder: { path: string; source: string };
  /** npm packages that were compiled into it, as they lie below `node_modules`. */
  compiledIn: readonly string[];
}

export interface Prebuilt {
  prebuilt(architecture: Architecture): string;
  /** Where it is not in the package itself, but in one for each architecture. */
  packageFor?(architecture: Architecture): string;
}

export interface Compiled {
  /** C++ files. */
  sources: readonly string[];
}

/** `bindings` is asked for a file name by all that use it. */
const bindings = {
  path: "bindings/bindings.js",
  source: `const load = {
    "i2c.node": () => require("./i2c.node"),
    "epoll.node": () => require("./epoll.node"),
    "spi.node": () => require("./spi.node"),
  };
  module.exports = (file) => load[file]();`,
};

export const addons: readonly Addon[] = [
  {
    package: "better-sqlite3",
    file: "better_sqlite3.node",
    code: { prebuilt: (architecture) => `prebuilds/linux-${architecture}.node` },
    finder: {
      path: "better-sqlite3/lib/binding.js",
      source: 'let addon; exports.getBinding = () => (addon ??= require("./better_sqlite3.node"));',
    },
    compiledIn: ["node-addon-api"],
  },
  {
    package: "@serialport/bindings-cpp",
    file: "serialport.node",
    code: {
      prebuilt: (architecture) => {
        const variant = architecture === "arm64" ? "armv8.glibc" : "glibc";
        return `prebuilds/linux-${architecture}/@serialport+bindings-cpp.${variant}.node`;
      },
    },
    finder: {
      path: "@serialport/bindings-cpp/dist/serialport-bindings.js",
      source: 'exports.binding = require("./serialport.node");',
    },
    compiledIn: ["@serialport/bindings-cpp/node_modules/node-addon-api"],
  },
  {
    package: "koffi",
    file: "koffi.node",
    code: {
      prebuilt: (architecture) => `linux_${architecture}/koffi.node`,
      packageFor: (architecture) => `@koromix/koffi-linux-${architecture}`,
    },
    finder: {
      path: "koffi/src/koffi/index.js",
      source: 'export default require("./koffi.node");',
    },
    compiledIn: [],
  },
  {
    package: "i2c-bus",
    file: "i2c.node",
    code: { sources: ["src/i2c.cc"] },
    finder: bindings,
    compiledIn: ["nan"],
  },
  {
    package: "epoll",
    file: "epoll.node",
    code: { sources: ["src/epoll.cc"] },
    finder: bindings,
    compiledIn: ["nan"],
  },
  {
    package: "spi-device",
    file: "spi.node",
    code: {
      sources: ["spi", "spidevice", "open", "close", "transfer", "getoptions", "setoptions"].map(
        (name) => `src/${name}.cc`,
      ),
    },
    finder: bindings,
    compiledIn: ["nan"],
  },
];
