/** Small disk images as those of a card, made by the tools that make the real ones, for tests. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const tools = fileURLToPath(new URL("../../image/tools/run", import.meta.url));

export const bootStart = 1024 * 1024;

/** The last partition is empty but for random bytes, so that the image is more than its file systems. */
const script = `set -eu
fat=$1; mib=$2; cd "$3"
head -c 65536 /dev/zero | tr '\\0' ' ' >umec.json
printf 'console=ttyS0\\n' >board.env
truncate -s "$mib"M boot.vfat
mkfs.vfat -F "$fat" -s 1 -n BOOT boot.vfat >/dev/null
mcopy -i boot.vfat board.env umec.json ::
truncate -s $((mib + 8))M card.img
printf 'label: gpt\\nstart=1MiB, size=%sMiB, name=boot\\nsize=4MiB, name=data\\n' "$mib" | sfdisk -q card.img
dd if=boot.vfat of=card.img bs=1M seek=1 conv=notrunc,sparse status=none
head -c 300000 /dev/urandom | dd of=card.img bs=1M seek=$((mib + 2)) conv=notrunc status=none
bmaptool -q create -o card.img.bmap card.img
zstd -q card.img
sha256sum card.img card.img.zst >card.img.sha256
`;

export interface CardImage {
  /** Beside it lie `.zst`, `.bmap` and `.sha256`. */
  path: string;
  bytes: number;
}

/** Takes about a second. @param fat which kind of FAT the boot partition has */
export async function makeCardImage(dir: string, fat: 16 | 32 = 16): Promise<CardImage> {
  await run(tools, ["sh", "-c", script, "sh", String(fat), fat === 16 ? "8" : "34", dir]);
  const path = join(dir, "card.img");
  return { path, bytes: (await stat(path)).size };
}

/** Reads a file of the boot partition with the tools of mtools, which know nothing of our code. */
export async function readBootFile(card: string, name: string): Promise<string> {
  const { stdout } = await run(tools, ["mtype", "-i", `${card}@@${bootStart}`, `::${name}`]);
  return stdout;
}

/** Writes a file's checksum beside it, as `sha256sum` does. */
export async function writeChecksum(path: string, digits?: string): Promise<void> {
  const sum =
    digits ??
    createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  await writeFile(`${path}.sha256`, `${sum}  ${path.slice(path.lastIndexOf("/") + 1)}\n`);
}
