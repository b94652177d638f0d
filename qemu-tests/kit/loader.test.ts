import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { crc32 } from "node:zlib";
import { encodeBootState, readBootState } from "../../image/boot-state.ts";
import { isUmecError } from "../../runtime/errors.ts";
import { Disk } from "./disk.ts";
import { load } from "./loader.ts";
import { createFolders, makeTestDisk } from "./test-disk.ts";

const folder = createFolders();
const image = Buffer.alloc(50_000, "kernel");
const initrd = Buffer.alloc(10_000, "initrd");

/** As image/boot/slot-env.sh writes it. */
const sum = (data: Buffer) => `${crc32(data).toString(16)} 0`;
const slotEnv = `args_a=rauc.slot=A root="x y"\nargs_b=rauc.slot=B\ncrc_image=${sum(image)}\ncrc_initrd=${sum(initrd)}\n`;
const slot = { Image: image, initrd, "slot.env": slotEnv, "dtbs/imx8mp-evk.dtb": "tree" };
const boardEnv = "board=imx8mp-evk\nboard_args=console=ttymxc1,115200\nfdtfile=freescale/imx8mp-evk.dtb\n";

async function card(boot: Record<string, string | Uint8Array> = {}) {
  const dir = await folder();
  const path = await makeTestDisk(dir, {
    boot: { "board.env": boardEnv, ...boot },
    boot_a: slot,
    boot_b: slot,
  });
  const disk = await Disk.open({ path, dir, kind: "write-through" });
  const printed: string[] = [];
  return {
    disk,
    printed,
    start: () => load({ fat: (label) => disk.fat(label), dir, print: (line) => printed.push(line) }),
    async state() {
      const read = (name: string) => disk.readFile("boot", name);
      const [env, bak] = [await read("slots.env"), await read("slots.bak")];
      assert.deepEqual(env, bak);
      return readBootState({ env, bak }).state;
    },
    [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
  };
}

const state = (order: string[], A: number, B: number) => encodeBootState({ order, left: { A, B } });

describe("the kit as boot loader", { timeout: 120_000 }, () => {
  it("takes slot A's files, command line and device tree, and one of its tries", async () => {
    await using made = await card({
      "slots.env": state(["A", "B"], 3, 3),
      "slots.bak": state(["A", "B"], 3, 3),
    });
    const loaded = await made.start();
    assert.equal(loaded.append, 'console=ttymxc1,115200 rauc.slot=A root="x y"');
    assert.deepEqual(await readFile(loaded.kernel), image);
    assert.deepEqual(await readFile(loaded.initrd), initrd);
    assert.equal((await readFile(loaded.dtb ?? "")).toString(), "tree");
    assert.deepEqual(await made.state(), { order: ["A", "B"], left: { A: 2, B: 3 } });
    assert.deepEqual(made.printed, [
      "umec: state from slots.env: order A B, left A 3 B 3",
      "umec: slot A, left A 2 B 3",
    ]);
  });

  it("comes to slot B in the fourth start, and gives all tries again when both have none", async () => {
    await using made = await card();
    const slots = [];
    for (let start = 0; start < 7; start++) slots.push((await made.start()).slot);
    assert.deepEqual(slots, ["A", "A", "A", "B", "B", "B", "A"]);
    assert.deepEqual(await made.state(), { order: ["A", "B"], left: { A: 2, B: 3 } });
  });

  it("goes by slots.bak when slots.env is torn, and by the defaults when both are", async () => {
    const torn = state(["B", "A"], 3, 3).fill(0, 2000);
    torn.writeUInt8(1, 9000);
    await using made = await card({ "slots.env": torn, "slots.bak": state(["B", "A"], 0, 2) });
    assert.equal((await made.start()).slot, "B");
    assert.deepEqual(await made.state(), { order: ["B", "A"], left: { A: 0, B: 1 } });
    await made.disk.writeFile("boot", "slots.env", torn);
    await made.disk.writeFile("boot", "slots.bak", "");
    assert.equal((await made.start()).slot, "A");
    assert.match(made.printed.join("\n"), /state from slots.bak[\s\S]*state from defaults/);
  });

  it("uses up the tries of a slot whose kernel is damaged, and starts the other", async () => {
    await using made = await card();
    await made.disk.writeFile("boot_a", "Image", Buffer.alloc(50_000, "kernek"));
    assert.equal((await made.start()).slot, "B");
    assert.deepEqual(await made.state(), { order: ["A", "B"], left: { A: 0, B: 2 } });
    assert.equal(made.printed.filter((line) => line === "umec: slot A does not start").length, 3);
  });

  it("gives up when nothing starts at all", async () => {
    await using made = await card();
    for (const label of ["boot_a", "boot_b"]) await made.disk.writeFile(label, "slot.env", "");
    await assert.rejects(made.start(), (error) => isUmecError(error, "LOADER_NO_SLOT"));
  });
});
