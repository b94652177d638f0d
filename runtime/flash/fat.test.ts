/** On file systems and tables that the real tools made. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { findFile } from "./fat.ts";
import { type ReadDisk, readGpt } from "./gpt.ts";

const scratch = createScratch();
const tools = fileURLToPath(new URL("../../image/tools/run", import.meta.url));

async function made(script: string): Promise<Buffer> {
  const dir = await scratch();
  await promisify(execFile)(tools, ["sh", "-euc", script, "sh"], { cwd: dir });
  return readFile(join(dir, "x.img"));
}

const readerOf =
  (bytes: Buffer): ReadDisk =>
  async (position, length) =>
    bytes.subarray(position, position + length);

async function contentOf(bytes: Buffer, name: string): Promise<Buffer> {
  const { extents } = await findFile(readerOf(bytes), name);
  return Buffer.concat(extents.map(({ start, bytes: length }) => bytes.subarray(start, start + length)));
}

/** Files of a cluster each, every other one removed, so that the next file lies in pieces; and names that are near. */
const crowded = (fat: number, size: string) => `
  truncate -s ${size} x.img
  mkfs.vfat -F ${fat} -s 1 -n UMEC x.img >/dev/null
  head -c 512 /dev/urandom >one
  for i in 1 2 3 4 5 6 7 8; do 
    mcopy -i x.img one "::a file with a long name $i.dat"
    mcopy -i x.img one ::keep$i
  done
  mcopy -i x.img one "::umec.json.bak"; mcopy -i x.img one ::umec.jso; mmd -i x.img ::umec
  mdel -i x.img "::a file*.dat" ::keep3
  i=0; while [ $i -lt 400 ]; do printf '%010d' $i; i=$((i + 1)); done >umec.json
  printf 'end' >>umec.json
  # FAT32 notes where the next free cluster is (FSInfo, FSI_Nxt_Free): forgotten, so that the gaps are filled.
  [ ${fat} = 16 ] || printf '\\377\\377\\377\\377' | dd of=x.img bs=1 seek=1004 conv=notrunc status=none
  mcopy -i x.img umec.json ::
`;

for (const [fat, size] of [
  [16, "8M"],
  [32, "34M"],
] as const) {
  test(`a file in pieces is found on FAT${fat} by its long name, among names that are near`, async () => {
    const script = crowded(fat, size);
    const bytes = await made(script);
    const wanted = `${Array.from({ length: 400 }, (_, i) => String(i).padStart(10, "0")).join("")}end`;
    const { extents } = await findFile(readerOf(bytes), "umec.json");
    assert.ok(extents.length > 3, "it lies in one piece");
    assert.equal((await contentOf(bytes, "umec.json")).toString(), wanted);
    assert.equal((await contentOf(bytes, "UMEC.JSON")).toString(), wanted);
    assert.equal((await contentOf(bytes, "keep8")).length, 512);
    const missing = findFile(readerOf(bytes), "umec.jsonl");
    await assert.rejects(missing, (error) => isUmecError(error, "FLASH_FILE_MISSING"));
    await assert.rejects(findFile(readerOf(bytes), "umec"), (error) =>
      isUmecError(error, "FLASH_FILE_MISSING"),
    );
  });
}

test("a chain that leads in a circle, and what is no FAT, is told", async () => {
  const bytes = await made(crowded(16, "8M"));
  const { extents } = await findFile(readerOf(bytes), "umec.json");
  assert.ok(extents.length > 1);
  // Each cluster leads to cluster 2.
  const [reserved, sectors] = [bytes.readUInt16LE(14), bytes.readUInt16LE(22)];
  for (let at = reserved * 512 + 4; at < (reserved + sectors) * 512; at += 2) bytes.writeUInt16LE(2, at);
  await assert.rejects(findFile(readerOf(bytes), "umec.json"), (error) => isUmecError(error, "FLASH_NO_FAT"));
  const none = findFile(readerOf(Buffer.alloc(65_536)), "umec.json");
  await assert.rejects(none, (error) => isUmecError(error, "FLASH_NO_FAT"));
});

test("a partition table is read as sfdisk wrote it, and refused with one bit changed", async () => {
  const bytes = await made(
    "truncate -s 16M x.img; printf 'label: gpt\\nstart=1MiB, size=4MiB, name=boot\\nsize=2MiB, name=\"größe 2\"\\n' | sfdisk -q x.img",
  );
  const MiB = 2 ** 20;
  assert.deepEqual(await readGpt(readerOf(bytes)), [
    { number: 1, label: "boot", start: MiB, bytes: 4 * MiB },
    { number: 2, label: "größe 2", start: 5 * MiB, bytes: 2 * MiB },
  ]);
  // Signature, the header's own checksum, the disk's id, an entry.
  for (const at of [512, 512 + 16, 512 + 60, 1024 + 32]) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1;
    await assert.rejects(readGpt(readerOf(damaged)), (error) => isUmecError(error, "FLASH_NO_GPT"), `${at}`);
  }
});
