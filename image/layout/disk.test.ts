import assert from "node:assert/strict";
import { mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { root } from "../../bundle/paths.ts";
import { createScratch } from "../../runtime/test-scratch.ts";
import { type BoardName, boardLayout, boardNames } from "../boards.ts";
import { readBootState } from "../boot-state.ts";
import { inToolRoot } from "../tool.ts";

const scratch = createScratch();
const MiB = 1 << 20;

/** A disk of parts that are not the real ones: only what lies where is looked at. */
async function makeDisk(board: BoardName): Promise<string> {
  const dir = await scratch();
  await mkdir(join(dir, "kernel/dtbs"), { recursive: true });
  await writeFile(join(dir, "kernel/Image"), "a kernel");
  await writeFile(join(dir, "kernel/dtbs/bcm2711-rpi-4-b.dtb"), "a device tree");
  await writeFile(join(dir, "initrd"), "an initramfs");
  await writeFile(join(dir, "verity"), "sectors=8\nblocks=1\nhash=5e\nsalt=0d\n");
  await writeFile(join(dir, "root.img"), "root slot".padEnd(4096));
  const tool = (...command: string[]) => inToolRoot(command, { cwd: dir });
  await tool(join(root, "image/layout/stage.sh"), board, ".", "kernel", "initrd", "verity");
  await tool(join(root, "image/layout/make-disk.sh"), ".", (await boardLayout(board)).table);
  return dir;
}

interface Table {
  label: string;
  partitions: {
    start: number;
    size: number;
    type: string;
    name?: string;
    attrs?: string;
    bootable?: boolean;
  }[];
}

async function tableOf(dir: string, ...args: string[]): Promise<Table> {
  const json = await inToolRoot(["sfdisk", "--json", ...args, "disk.img"], { cwd: dir });
  return (JSON.parse(json) as { partitiontable: Table }).partitiontable;
}

/** A file of a FAT partition that begins at `offset` MiB. */
async function fileIn(dir: string, offset: number, name: string): Promise<Buffer> {
  const out = join(dir, "copied");
  await rm(out, { force: true });
  await inToolRoot(["mcopy", "-i", `disk.img@@${offset}M`, `::${name}`, "copied"], { cwd: dir });
  return readFile(out);
}

const dirs = new Map<BoardName, string>();
before(async () => {
  for (const board of boardNames) dirs.set(board, await makeDisk(board));
});

for (const board of boardNames) {
  test(`${board}: the partitions are where they stay for ever`, async () => {
    const { label, partitions } = await tableOf(dirs.get(board)!);
    assert.equal(label, "gpt");
    assert.deepEqual(
      partitions.map(({ name, start, size }) => [name, (start * 512) / MiB, (size * 512) / MiB]),
      [
        ["boot", 8, 64],
        ["boot_a", 72, 48],
        ["boot_b", 120, 48],
        ["root_a", 168, 160],
        ["root_b", 328, 160],
        ["data", 488, 64],
      ],
    );
    // U-Boot's standard boot looks nowhere else when one partition has this mark.
    assert.deepEqual(
      partitions.map(({ attrs }) => attrs),
      ["LegacyBIOSBootable", ...Array(5).fill(undefined)],
    );
  });

  test(`${board}: the boot loader's gap is free but for the table`, async () => {
    const tail = "dd if=disk.img bs=32K skip=1 count=255 status=none | tr -d '\\0' | wc -c";
    assert.equal((await inToolRoot(["sh", "-c", tail], { cwd: dirs.get(board)! })).trim(), "0");
  });

  test(`${board}: the boot partition holds what the boot loader and a flasher need`, async () => {
    const dir = dirs.get(board)!;
    const [env, bak] = [await fileIn(dir, 8, "slots.env"), await fileIn(dir, 8, "slots.bak")];
    assert.deepEqual(env, bak);
    const { state, from } = readBootState({ env, bak: undefined });
    assert.deepEqual(
      { state, from },
      { state: { order: ["A", "B"], left: { A: 3, B: 3 } }, from: "slots.env" },
    );
    const blank = (await fileIn(dir, 8, "umec.json")).toString();
    assert.equal(blank.length, 64 * 1024);
    assert.equal(blank.trim(), "");
    assert.match((await fileIn(dir, 8, "board.env")).toString(), new RegExp(`^board=${board}$`, "m"));
  });

  test(`${board}: both slots are the same, and know their own place`, async () => {
    const dir = dirs.get(board)!;
    const same = (size: number, one: number, two: number) =>
      inToolRoot(["cmp", "-n", `${size}MiB`, "-i", `${one}MiB:${two}MiB`, "disk.img", "disk.img"], {
        cwd: dir,
      });
    await same(48, 72, 120);
    await same(160, 168, 328);
    const lines = (await fileIn(dir, 72, "slot.env")).toString().split("\n");
    for (const slot of ["a", "b"]) {
      const line = lines.find((text) => text.startsWith(`args_${slot}=`))!;
      assert.match(line, new RegExp(`rauc.slot=${slot.toUpperCase()} `));
      const at = `PARTLABEL=root_${slot}`;
      const table = `umec,,,ro,0 8 verity 1 ${at} ${at} 4096 4096 1 1 sha256 5e 0d 1 restart_on_corruption`;
      assert.ok(line.includes(`dm-mod.waitfor=${at} dm-mod.create="${table}"`), line);
    }
  });
}

test("the file systems are whole, and data can grow to 2 TiB", async () => {
  const dir = dirs.get("virt")!;
  const script = `
    for part in "8 64" "72 48"; do
      set -- $part
      dd if=disk.img of=volume bs=1M skip="$1" count="$2" status=none
      fsck.fat -n volume
    done
    dd if=disk.img of=volume bs=1M skip=488 count=64 status=none
    e2fsck -f -n volume
    dumpe2fs -h volume
    truncate -s 2T volume
    resize2fs volume`;
  const said = await inToolRoot(["sh", "-e", "-c", script], { cwd: dir });
  assert.match(said, /Filesystem volume name: +data/);
  assert.match(said, /Block size: +4096/);
  await rm(join(dir, "volume"));
});

test("a Raspberry Pi's boot ROM finds the boot partition in the MBR, and nothing else", async () => {
  const { partitions } = await tableOf(dirs.get("rpi")!, "-Y", "dos");
  assert.deepEqual(
    partitions.map(({ start, type }) => [start, type]),
    [
      [(8 * MiB) / 512, "c"],
      [1, "ee"],
    ],
  );
});

test("two disks of the same parts are the same, byte for byte", async () => {
  const sum = (dir: string) => inToolRoot(["sha256sum", "disk.img"], { cwd: dir });
  assert.equal(await sum(await makeDisk("rpi")), await sum(dirs.get("rpi")!));
});

test("a root slot that does not fit is refused", async () => {
  const dir = await makeDisk("virt");
  await truncate(join(dir, "root.img"), 161 * MiB);
  await rm(join(dir, "disk.img"));
  const again = inToolRoot([join(root, "image/layout/make-disk.sh"), ".", "gpt"], { cwd: dir });
  await assert.rejects(again, /root_a/);
  await assert.rejects(stat(join(dir, "disk.img")));
});
