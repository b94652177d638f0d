/** A small card for tests: a partition table and three FAT file systems, made by sfdisk, mkfs.vfat and mtools. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { inToolRoot } from "../../image/tool.ts";

/** Where each partition begins, in MiB, and how large it is; `boot` is FAT32, the others are FAT16. */
export const testPartitions = {
  boot: { startMiB: 1, sizeMiB: 40 },
  boot_a: { startMiB: 41, sizeMiB: 16 },
  boot_b: { startMiB: 57, sizeMiB: 16 },
} as const;

export type TestPartition = keyof typeof testPartitions;

/** A folder that goes with the test file. */
export function createFolders(): () => Promise<string> {
  const made: string[] = [];
  after(async () => {
    for (const path of made) await rm(path, { recursive: true, force: true });
  });
  return async () => {
    const path = await mkdtemp(join(tmpdir(), "umec-kit-"));
    made.push(path);
    return path;
  };
}

/** Makes `card.img` in `dir` with these files on its partitions, and returns its path. */
export async function makeTestDisk(
  dir: string,
  files: Partial<Record<TestPartition, Record<string, string | Uint8Array>>> = {},
): Promise<string> {
  const lines = ["set -eu", "truncate -s 80M card.img"];
  const table = Object.entries(testPartitions).map(
    ([name, { startMiB, sizeMiB }]) => `start=${startMiB}MiB, size=${sizeMiB}MiB, name=${name}`,
  );
  lines.push(
    `printf '%s\\n' 'label: gpt' ${table.map((line) => `'${line}'`).join(" ")} | sfdisk -q card.img`,
  );
  for (const [name, { startMiB, sizeMiB }] of Object.entries(testPartitions)) {
    const kind = name === "boot" ? "-F 32 -s 1" : "-F 16";
    lines.push(`mkfs.vfat ${kind} --offset ${startMiB * 2048} card.img ${sizeMiB * 1024} >/dev/null`);
    const folder = join(dir, name);
    await mkdir(folder, { recursive: true });
    for (const [path, content] of Object.entries(files[name as TestPartition] ?? {})) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    lines.push(`find ${name} -mindepth 1 -maxdepth 1 -exec mcopy -s -i card.img@@${startMiB}M {} :: ';'`);
  }
  await shell(dir, lines.join("\n"));
  return join(dir, "card.img");
}

/** Runs lines of shell in the tool root. */
export function shell(dir: string, lines: string): Promise<string> {
  return inToolRoot(["sh", "-euc", lines], { cwd: dir, timeoutMs: 60_000 });
}
