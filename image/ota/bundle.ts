/**
 * A board's update: dist/umec-<version>-<board>.raucb, with the images of both slots of a group. `rootfs` is the root slot,
 * `boot` the kernel slot that carries its hash, the same bytes as a fresh card has them.
 */
import { createHash } from "node:crypto";
import { copyFile, link, mkdir, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { root as tree } from "../../bundle/paths.ts";
import type { BoardName } from "../boards.ts";
import type { Parts } from "../parts.ts";
import type { Steps } from "../steps.ts";
import { inToolRoot } from "../tool.ts";
import { signBundle } from "./sign.ts";
import type { Signer } from "./signer.ts";

export interface BundleOptions {
  board: BoardName;
  parts: Parts;
  /** Semantic; also what the slot says of itself. */
  version: string;
  signer: Signer;
  steps: Steps;
  /** Where the bundle appears. @default dist */
  outDir?: string;
  onMessage: (text: string) => void;
}

export interface Bundled {
  readonly path: string;
  readonly bytes: number;
  /** Names the content: the same images have the same. */
  readonly build: string;
}

export async function makeBundle(options: BundleOptions): Promise<Bundled> {
  const { board, parts, version, signer, steps, outDir = join(tree, "dist"), onMessage } = options;
  const name = `umec-${version}-${board}.raucb`;
  await mkdir(outDir, { recursive: true });
  const work = await mkdtemp(join(outDir, `.${name}.`));
  const content = join(work, "content");
  const tool = (...command: string[]) =>
    inToolRoot(command, { cwd: work, bind: [outDir], env: { UMEC_VERSION: version }, onMessage });
  try {
    await steps.step(`${board}: slots`, async () => {
      const layout = join(tree, "image/layout");
      const verity = join(parts.root, "verity");
      await tool(join(layout, "stage.sh"), board, ".", parts.kernel, parts.initrd, verity);
      await tool(join(layout, "volume.sh"), "slot", "48", "UMEC-SLOT", "756D6502");
      await mkdir(content);
      await rename(join(work, "slot.vfat"), join(content, "boot.img"));
      const root = join(parts.root, "root.img");
      await link(root, join(content, "rootfs.img")).catch(() => copyFile(root, join(content, "rootfs.img")));
    });
    const images = { rootfs: "rootfs.img", boot: "boot.img" };
    const build = await buildOf(Object.values(images).map((image) => join(content, image)));
    const manifest = { compatible: `umec-${board}`, version, build, images };
    const path = await steps.step(`${board}: bundle`, () => signBundle(work, manifest, signer));
    await rename(path, join(outDir, name));
    return { path: join(outDir, name), bytes: (await stat(join(outDir, name))).size, build };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function buildOf(paths: readonly string[]): Promise<string> {
  const whole = createHash("sha256");
  for (const path of paths)
    whole.update(
      createHash("sha256")
        .update(await readFile(path))
        .digest(),
    );
  return whole.digest("hex").slice(0, 16);
}
