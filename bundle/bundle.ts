/**
 * Puts a bundle together: one folder that runs on any Linux of its architecture with glibc >= 2.34 and libstdc++,
 * without npm, a compiler or anything of this tree. docs/bundle.md says what lies where.
 *
 * It promises that the same tree, lock and nats-server give the same bytes and modes (mtimes are not fixed), and
 * that a folder that is there is whole: it is made beside its place and moved there when all is in it.
 */
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { handoverFormat } from "../runtime/handover/record.ts";
import { systemFileName } from "../runtime/update/program/system.ts";
import { version } from "../runtime/version.ts";
import { addonVersions } from "./addon-versions.ts";
import { addons } from "./addons.ts";
import { addonCode } from "./build-addons.ts";
import { contentsOf } from "./contents.ts";
import { writeLicences } from "./licences.ts";
import { copyMachineCode } from "./machine-code.ts";
import type { NatsPackage } from "./nats-package.ts";
import { nodePackage } from "./node-package.ts";
import { type Architecture, root } from "./paths.ts";
import { writeSbom } from "./sbom.ts";
import { buildScripts } from "./scripts.ts";

export interface BundleOptions {
  architecture: Architecture;
  /** The bundle; replaced if it is there. Its maps lie beside it in `<outDir>.maps`. */
  outDir: string;
  nats: NatsPackage;
}

export interface Bundle {
  /** Of all modules together. */
  scriptBytes: number;
  /** Of those among them that only an operator's machine loads. */
  operatorBytes: number;
  /** Of those among them that only a node with an API for applications loads. */
  apiBytes: number;
  /** Sources that went in, relative to the tree. */
  inputs: readonly string[];
}

export async function makeBundle({ architecture, outDir, nats }: BundleOptions): Promise<Bundle> {
  const [scripts, node] = await Promise.all([buildScripts(), nodePackage(architecture)]);
  const work = `${outDir}.new`;
  const maps = `${outDir}.maps`;
  await Promise.all([work, maps].map((path) => rm(path, { recursive: true, force: true })));
  await mkdir(dirname(outDir), { recursive: true });
  for (const path of [work, join(work, "bin"), join(work, "lib"), maps]) await makeDir(path);

  await copyFile(join(root, "bundle/launcher.sh"), join(work, "bin/umec"));
  await chmod(join(work, "bin/umec"), 0o755);
  const at = (name: string) => join(work, "lib", name);
  await Promise.all([
    copyMachineCode(node.binary, at("node"), { architecture, stripped: true, mode: 0o755 }),
    copyMachineCode(nats.binary, at("nats-server"), { architecture, mode: 0o755 }),
    ...addons.map(async (addon) => {
      const from = await addonCode(addon, { architecture });
      await copyMachineCode(from, at(addon.file), { architecture, stripped: true, mode: 0o644 });
    }),
    ...[...scripts.modules].map(([name, content]) => write(at(name), content)),
    ...[...scripts.maps].map(([name, content]) => write(join(maps, name), content)),
  ]);

  const components = await contentsOf({ architecture, inputs: scripts.inputs, node, nats });
  const paths = [...scripts.modules.keys(), "node", "nats-server", ...addons.map(({ file }) => file)];
  const sha256 = new Map<string, string>();
  for (const name of paths) sha256.set(`lib/${name}`, await sha256Of(at(name)));
  const own = { version, text: await readFile(join(root, "LICENSE"), "utf8") };
  await write(join(work, "LICENSES.txt"), writeLicences(own, components));
  await write(join(work, "sbom.cdx.json"), writeSbom({ version, components, sha256 }));
  await write(join(work, "VERSION"), `${version}\n`);
  const system = { version, addons: await addonVersions(), handover: handoverFormat };
  await write(join(work, systemFileName), `${JSON.stringify(system)}\n`);

  await rm(outDir, { recursive: true, force: true });
  await rename(work, outDir);
  let scriptBytes = 0;
  let operatorBytes = 0;
  let apiBytes = 0;
  for (const [name, { length }] of scripts.modules) {
    scriptBytes += length;
    if (scripts.operatorModules.has(name)) operatorBytes += length;
    else if (scripts.apiModules.has(name)) apiBytes += length;
  }
  return { scriptBytes, operatorBytes, apiBytes, inputs: scripts.inputs };
}

async function makeDir(path: string): Promise<void> {
  await mkdir(path);
  // Whatever the umask is.
  await chmod(path, 0o755);
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content);
  await chmod(path, 0o644);
}

async function sha256Of(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}
