import assert from "node:assert/strict";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isUmecError } from "../../runtime/errors.ts";
import { fileBlocks, partOf } from "./blocks.ts";
import { Fat } from "./fat.ts";
import { readGpt } from "./gpt.ts";
import { createFolders, makeTestDisk, shell, type TestPartition, testPartitions } from "./test-disk.ts";

const folder = createFolders();
const pattern = (bytes: number, step: number) =>
  Buffer.from(Array.from({ length: bytes }, (_, i) => (i * step) & 255));

async function card(files: Parameters<typeof makeTestDisk>[1] = {}) {
  const dir = await folder();
  const path = await makeTestDisk(dir, files);
  const file = await open(path, "r+");
  const disk = fileBlocks(file, (await file.stat()).size);
  return {
    dir,
    disk,
    async fat(label: TestPartition): Promise<Fat> {
      const partition = (await readGpt(disk)).find((one) => one.label === label);
      assert.ok(partition);
      return Fat.open(partOf(disk, partition.start, partition.bytes));
    },
    /** What mtools and fsck.fat, whom we did not write, say of it. */
    async checked(label: TestPartition, name: string): Promise<Buffer> {
      const { startMiB, sizeMiB } = testPartitions[label];
      await shell(
        dir,
        `dd if=card.img of=part.img bs=1M skip=${startMiB} count=${sizeMiB} status=none
         fsck.fat -n part.img >fsck.txt || { cat fsck.txt >&2; exit 1; }
         rm -f out; mcopy -n -i part.img '::${name}' out`,
      );
      return readFile(join(dir, "out"));
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

describe("the partition table", { timeout: 120_000 }, () => {
  it("has the labels and places that sfdisk wrote", async () => {
    await using made = await card();
    assert.deepEqual(
      (await readGpt(made.disk)).map(({ number, label, start, bytes }) => [
        number,
        label,
        start >> 20,
        bytes >> 20,
      ]),
      [
        [1, "boot", 1, 40],
        [2, "boot_a", 41, 16],
        [3, "boot_b", 57, 16],
      ],
    );
  });

  it("is refused when a byte of it has changed", async () => {
    for (const at of [512 + 40, 1024 + 60]) {
      await using made = await card();
      const byte = await made.disk.read(at, 1);
      await made.disk.write(at, Buffer.from([byte.readUInt8() ^ 1]));
      await assert.rejects(readGpt(made.disk), (error) => isUmecError(error, "GPT_INVALID"));
    }
  });
});

for (const label of ["boot", "boot_a"] as const) {
  describe(`the file system on ${label}`, { timeout: 120_000 }, () => {
    const content = {
      "board.env": "board=virt\n",
      "dtbs/a-board-with-a-long-name.dtb": pattern(70_000, 7),
      EMPTY: "",
    };

    it("gives what mtools wrote: short, long and nested names, and an empty file", async () => {
      await using made = await card({ [label]: content });
      const fat = await made.fat(label);
      assert.deepEqual((await fat.list()).sort(), ["EMPTY", "board.env", "dtbs"]);
      assert.deepEqual(await fat.list("dtbs"), ["a-board-with-a-long-name.dtb"]);
      assert.equal((await fat.readFile("BOARD.ENV")).toString(), "board=virt\n");
      assert.deepEqual(await fat.readFile("dtbs/a-board-with-a-long-name.dtb"), pattern(70_000, 7));
      assert.equal((await fat.readFile("empty")).length, 0);
      await assert.rejects(fat.readFile("nothing"), (error) => isUmecError(error, "FAT_NOT_FOUND"));
      await assert.rejects(fat.readFile("board.env/x"), (error) => isUmecError(error, "FAT_NOT_FOUND"));
    });

    it("is in order for fsck and mtools after files grew, shrank, came and went", async () => {
      await using made = await card({ [label]: content });
      const fat = await made.fat(label);
      await fat.writeFile("board.env", pattern(40_000, 3));
      assert.deepEqual(await made.checked(label, "board.env"), pattern(40_000, 3));
      await fat.writeFile("board.env", "short");
      await fat.writeFile("slots.env", pattern(0x4000, 5));
      assert.equal((await made.checked(label, "board.env")).toString(), "short");
      assert.deepEqual(await made.checked(label, "slots.env"), pattern(0x4000, 5));
      await fat.writeFile("dtbs/a-board-with-a-long-name.dtb", "x");
      await fat.remove("dtbs/a-board-with-a-long-name.dtb");
      await fat.writeFile("EMPTY", "full");
      await fat.writeFile("slots.env", "");
      assert.deepEqual(await fat.list("dtbs"), []);
      assert.equal((await made.checked(label, "EMPTY")).toString(), "full");
    });

    it("changes nothing when a file does not fit", async () => {
      await using made = await card({ [label]: content });
      const fat = await made.fat(label);
      const tooMuch = Buffer.alloc(testPartitions[label].sizeMiB * 2 ** 20);
      await assert.rejects(fat.writeFile("board.env", tooMuch), (error) => isUmecError(error, "FAT_FULL"));
      assert.equal((await made.checked(label, "board.env")).toString(), "board=virt\n");
    });
  });
}

it("refuses what is no FAT", async () => {
  await using made = await card();
  await assert.rejects(Fat.open(made.disk), (error) => isUmecError(error, "FAT_INVALID"));
});
