/** Everything that is inside a bundle and not ours: what `LICENSES.txt` and `sbom.cdx.json` are made of. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { UmecError } from "../runtime/errors.ts";
import { addons } from "./addons.ts";
import type { NatsPackage } from "./nats-package.ts";
import type { NodePackage } from "./node-package.ts";
import { licenceText, type NpmPackage, packagesOf, readLock } from "./packages.ts";
import { type Architecture, root } from "./paths.ts";

export interface Component {
  /** As npm, Debian or the project itself calls it. */
  name: string;
  version: string;
  purl: string;
  /** Name for lists of vulnerabilities (CPE 2.3), where scanners need it. */
  cpe?: string;
  /** An SPDX expression. */
  licence: string;
  licenceText: string;
  /** Of the npm package's tar file, in hex. */
  sha512?: string;
  /** The bundle's file that it is, in whole or in part. */
  file?: string;
}

export interface ContentsOptions {
  architecture: Architecture;
  /** Sources of the scripts, relative to the tree. */
  inputs: readonly string[];
  node: NodePackage;
  nats: NatsPackage;
}

/** In an order that depends on nothing but the content. */
export async function contentsOf({
  architecture,
  inputs,
  node,
  nats,
}: ContentsOptions): Promise<Component[]> {
  const ofAddons = addons.flatMap((row) => [row.package, ...row.compiledIn]);
  const files = [...inputs, ...ofAddons.map((name) => `node_modules/${name}/`)];
  const packages = packagesOf(await readLock(), files);
  const all = await Promise.all([...packages].map(([path, found]) => npmComponent(path, found)));
  // npm may install one version in two places.
  const npm = new Map(all.map((component) => [component.purl, component])).values();
  const debian = architecture === "x64" ? "amd64" : architecture;
  return [
    {
      name: "node",
      version: node.version,
      purl: `pkg:npm/node-linux-${architecture}@${node.version}`,
      cpe: `cpe:2.3:a:nodejs:node.js:${node.version}:*:*:*:*:*:*:*`,
      licence: "MIT",
      licenceText: await readFile(node.licence, "utf8"),
      file: "lib/node",
    },
    {
      name: "nats-server",
      version: nats.version,
      purl: `pkg:deb/debian/nats-server@${nats.version}?arch=${debian}&distro=sid`,
      cpe: `cpe:2.3:a:linuxfoundation:nats-server:${nats.version.replace(/-.*/, "")}:*:*:*:*:*:*:*`,
      licence: "Apache-2.0",
      licenceText: nats.copyright,
      file: "lib/nats-server",
    },
    await sqlite(),
    ...npm,
  ];
}

async function npmComponent(
  path: string,
  { name, version, licence, sha512 }: NpmPackage,
): Promise<Component> {
  const addon = addons.find((row) => row.package === name);
  return {
    name,
    version,
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    licence,
    licenceText: await licenceText(path),
    sha512,
    ...(addon && { file: `lib/${addon.file}` }),
  };
}

async function sqlite(): Promise<Component> {
  const header = await readFile(join(root, "node_modules/better-sqlite3/deps/sqlite3/sqlite3.h"), "utf8");
  const version = /^#define SQLITE_VERSION\s+"([\d.]+)"/m.exec(header)?.[1];
  if (version === undefined) throw new UmecError("BUNDLE_SQLITE_UNKNOWN", "sqlite3.h tells no version");
  // Its authors disclaim copyright in the comment that every file of theirs opens with.
  const blessing = /The author disclaims copyright[^=]*?(?=\n\*{5,})/.exec(header)?.[0];
  if (blessing === undefined) throw new UmecError("BUNDLE_LICENCE_MISSING", "sqlite3.h has no blessing");
  return {
    name: "sqlite",
    version,
    purl: `pkg:generic/sqlite@${version}`,
    cpe: `cpe:2.3:a:sqlite:sqlite:${version}:*:*:*:*:*:*:*`,
    licence: "blessing",
    licenceText: blessing.replace(/^\*\* ?/gm, ""),
    file: "lib/better_sqlite3.node",
  };
}
