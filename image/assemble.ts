/**
 * Puts a board's image together from its parts, into dist/:
 *
 *   umec-<version>-<board>.img               the disk, sparse
 *   umec-<version>-<board>.img.zst           compressed (not with `fast`)
 *   umec-<version>-<board>.img.bmap          which blocks hold anything, for bmaptool and `umec flash`
 *   umec-<version>-<board>.img.sha256        of the image and of the compressed one, for `sha256sum -c`
 *   umec-<version>-<board>.json              versions, sizes and hashes of all that is in it
 *   umec-<version>-<board>.packages.txt      Debian's packages in the root slot
 *
 * The same parts give the same bytes. All files are made in a folder of their own beside their place, and moved there
 * when they are whole, the image last.
 */
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { root as tree } from "../bundle/paths.ts";
import { version } from "../runtime/version.ts";
import { type BoardName, boardLayout } from "./boards.ts";
import { describeParts, type Parts } from "./parts.ts";
import type { Steps } from "./steps.ts";
import { inToolRoot, pathFrom } from "./tool.ts";

export interface AssembleOptions {
  board: BoardName;
  parts: Parts;
  steps: Steps;
  /** Where the image's files appear. @default dist */
  outDir?: string;
  /** Without the compressed image. @default false */
  fast?: boolean;
  onMessage: (text: string) => void;
}

export interface Assembled {
  /** The image. */
  readonly path: string;
  /** The sizes of the files, in bytes; of the image that of its blocks that hold anything. */
  readonly bytes: Readonly<Record<string, number>>;
}

export async function assembleImage(options: AssembleOptions): Promise<Assembled> {
  const { board, parts, steps, outDir = join(tree, "dist"), fast = false, onMessage } = options;
  const { table, firmware: firmwareScript } = await boardLayout(board);
  const name = `umec-${version}-${board}`;
  await mkdir(outDir, { recursive: true });
  const work = await mkdtemp(join(outDir, `.${name}.`));
  const tool = (...command: string[]) => inToolRoot(command, { cwd: work, bind: [outDir], onMessage });
  try {
    const firmware =
      firmwareScript &&
      (await steps.step(`${board}: firmware`, () => pathFrom(firmwareScript, [], { onMessage })));
    await steps.step(`${board}: disk`, async () => {
      const stage = join(tree, "image/layout/stage.sh");
      const verity = join(parts.root, "verity");
      await tool(stage, board, ".", parts.kernel, parts.initrd, verity, ...(firmware ? [firmware] : []));
      await copyFile(join(parts.root, "root.img"), join(work, "root.img"));
      await tool(join(tree, "image/layout/make-disk.sh"), ".", table);
      await rename(join(work, "disk.img"), join(work, `${name}.img`));
    });
    const image = `${name}.img`;
    await steps.step(`${board}: block map`, () =>
      tool("bmaptool", "-q", "create", "-o", `${image}.bmap`, image),
    );
    if (!fast) {
      await steps.step(`${board}: compression`, () =>
        tool("zstd", "-q", "-T0", "-9", image, "-o", `${image}.zst`),
      );
    }
    const sums = await tool("sha256sum", image, ...(fast ? [] : [`${image}.zst`]));
    await writeFile(join(work, `${image}.sha256`), sums);
    await copyFile(join(parts.root, "manifest.txt"), join(work, `${name}.packages.txt`));
    const { size, blocks } = await stat(join(work, image));
    const about = {
      version,
      board,
      image: { name: image, bytes: size, sha256: sums.slice(0, 64) },
      ...(firmware && { firmware: await versionsOf(firmware) }),
      ...(await describeParts(parts)),
    };
    await writeFile(join(work, `${name}.json`), `${JSON.stringify(about, undefined, 2)}\n`);

    // What belongs to an older image of this name must not stay beside a new one.
    await rm(join(outDir, `${image}.zst`), { force: true });
    const files = [...(fast ? [] : [`${image}.zst`]), `${image}.bmap`, `${image}.sha256`, `${name}.json`];
    const bytes: Record<string, number> = {};
    for (const file of [...files, `${name}.packages.txt`, image]) {
      bytes[file] = file === image ? blocks * 512 : (await stat(join(work, file))).size;
      await rename(join(work, file), join(outDir, file));
    }
    return { path: join(outDir, image), bytes };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** `versions` beside a board's firmware, a line `name version` for each part. */
async function versionsOf(firmware: string): Promise<Record<string, string>> {
  const lines = (await readFile(join(firmware, "../versions"), "utf8")).trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split(" ", 2)));
}

/** `name  12.3 MB` for people. */
export function sizeLine(path: string, bytes: number): string {
  return `  ${basename(path).padEnd(44)}${(bytes / 1e6).toFixed(1).padStart(8)} MB`;
}
