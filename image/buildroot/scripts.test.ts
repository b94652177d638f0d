import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, cp, mkdir, open, readFile, readlink, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createScratch } from "../../runtime/test-scratch.ts";
import { inToolRoot } from "../tool.ts";

const scratch = createScratch();
const board = join(import.meta.dirname, "board");
const image = join(import.meta.dirname, "..");
const sysusers = join(image, "root/overlay/usr/lib/sysusers.d/umec.conf");
const sh = (script: string, args: string[], env = {}) =>
  promisify(execFile)("sh", [join(board, script), ...args], { env: { ...process.env, ...env } });
const words = async (path: string) =>
  (await readFile(path, "utf8")).replace(/#.*/g, "").split(/\s+/).filter(Boolean);

/** Some accounts of Buildroot's skeleton, in the folder etc of a new tree. */
async function createTree(): Promise<string> {
  const tree = await scratch();
  await mkdir(join(tree, "etc"));
  await writeFile(
    join(tree, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nsync:x:4:100:sync:/bin:/bin/sync\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
  );
  await writeFile(
    join(tree, "etc/group"),
    "root:x:0:\nkmem:x:9:\nwheel:x:10:root\nvideo:x:28:\nnobody:x:65534:\n",
  );
  await writeFile(join(tree, "etc/shadow"), "root::::::::\nnobody:*:::::::\n");
  return tree;
}
const account = async (tree: string, file: string, name: string) =>
  (await readFile(join(tree, "etc", file), "utf8")).split("\n").filter((line) => line.startsWith(`${name}:`));

test("users and groups have the numbers that systemd-sysusers gives them in the other image", async () => {
  const tree = await createTree();
  const other = await scratch();
  await sh("accounts.sh", [join(tree, "etc"), sysusers, join(board, "accounts.conf")]);
  await mkdir(join(other, "usr/lib/sysusers.d"), { recursive: true });
  await cp(sysusers, join(other, "usr/lib/sysusers.d/umec.conf"));
  await inToolRoot(["systemd-sysusers", `--root=${other}`], {
    bind: [other],
    env: { SOURCE_DATE_EPOCH: "0" },
  });
  const ids = async (root: string, file: string, fields: number[]) =>
    new Map(
      (await readFile(join(root, "etc", file), "utf8"))
        .split("\n")
        .filter(Boolean)
        .map((line) => line.split(":"))
        .map((values) => [values[0], fields.map((field) => values[field]).join(":")]),
    );
  for (const [file, fields] of [
    ["passwd", [2, 3, 5]],
    ["group", [2, 3]],
  ] as const) {
    const ours = await ids(tree, file, [...fields]);
    const theirs = await ids(other, file, [...fields]);
    assert.ok(theirs.size >= 5);
    for (const [name, value] of theirs) assert.equal(ours.get(name), value, `${file}: ${name}`);
  }
});

test("accounts of others stay, and a second run changes nothing", async () => {
  const tree = await createTree();
  const run = () => sh("accounts.sh", [join(tree, "etc"), sysusers, join(board, "accounts.conf")]);
  const all = async () =>
    Promise.all(["passwd", "group", "shadow"].map((file) => readFile(join(tree, "etc", file), "utf8")));
  await run();
  const first = await all();
  assert.deepEqual(await account(tree, "passwd", "sync"), ["sync:x:4:100:sync:/bin:/bin/sync"]);
  assert.deepEqual(await account(tree, "group", "wheel"), ["wheel:x:10:root"]);
  assert.deepEqual(await account(tree, "shadow", "root"), ["root:!*:::::::"]);
  assert.deepEqual(await account(tree, "shadow", "viewer"), ["viewer:*:::::::"]);
  await run();
  assert.deepEqual(await all(), first);
});

test("the group of nobody may be called nogroup", async () => {
  const tree = await createTree();
  const conf = join(tree, "conf");
  await writeFile(conf, "g nogroup 65534\nu! nobody 65534:65534 -\n");
  await sh("accounts.sh", [join(tree, "etc"), conf]);
  assert.deepEqual(await account(tree, "group", "nobody"), []);
  assert.deepEqual(await account(tree, "group", "nogroup"), ["nogroup:x:65534:"]);
  assert.match((await account(tree, "passwd", "nobody")).join(), /^nobody:x:65534:65534:/);
});

test("a number that two would have is an error, and so is a line that is not understood", async () => {
  const tree = await createTree();
  const conf = join(tree, "conf");
  await writeFile(conf, 'u! thief 4 "Four"\n');
  await assert.rejects(sh("accounts.sh", [join(tree, "etc"), conf]), /sync has the number of thief, 4/);
  await writeFile(conf, "r - 500-900\n");
  await assert.rejects(sh("accounts.sh", [join(tree, "etc"), conf]), /not understood: r - 500-900/);
});

test("the target's tree is completed, twice with the same result, and must have every applet", async () => {
  const tree = await createTree();
  await mkdir(join(tree, "usr/bin"), { recursive: true });
  await mkdir(join(tree, "etc/systemd/network"), { recursive: true });
  await assert.rejects(sh("post-build.sh", [tree]), /the tree has no: \[ ash awk/);
  for (const applet of await words(join(image, "root/applets.txt")))
    await writeFile(join(tree, "usr/bin", applet), "");
  for (let run = 0; run < 2; run++) {
    await sh("post-build.sh", [tree, "virt"]);
    for (const line of (await readFile(join(image, "root/links.txt"), "utf8")).split("\n")) {
      const [path, target] = line.replace(/#.*/, "").split(/\s+/);
      if (path) assert.equal(await readlink(join(tree, path)), target);
    }
    assert.ok((await stat(join(tree, "data"))).isDirectory());
    const conf = "rauc/system.conf.in";
    assert.equal(
      await readFile(join(tree, "usr/lib/umec", conf), "utf8"),
      await readFile(join(image, conf), "utf8"),
    );
    assert.match((await account(tree, "passwd", "umec")).join(), /^umec:x:900:900:/);
  }
});

test("no file of the image keeps set-user-id", async () => {
  const tree = await scratch();
  await writeFile(join(tree, "busybox"), "");
  await chmod(join(tree, "busybox"), 0o4755);
  await sh("post-fakeroot.sh", [tree]);
  assert.equal((await stat(join(tree, "busybox"))).mode & 0o7777, 0o755);
});

test("an option that the kernel's configuration lost is told", async () => {
  const config = join(await scratch(), "config");
  const fragment = (await readFile(join(image, "kernel/umec.config"), "utf8")).replace(
    /^(CONFIG_\w+)=n$/gm,
    "# $1 is not set",
  );
  await writeFile(config, fragment);
  await sh("check-kernel.sh", [config]);
  await writeFile(
    config,
    fragment.replace("CONFIG_DM_VERITY=y\n", "").replace("# CONFIG_DEVMEM is not set", "CONFIG_DEVMEM=y"),
  );
  await assert.rejects(
    sh("check-kernel.sh", [config]),
    /lost:(?=.* CONFIG_DM_VERITY=y)(?=.* CONFIG_DEVMEM=n)/,
  );
});

/** What Buildroot hands to the post-image script, with contents that are none. */
async function createBuild(): Promise<{ dir: string; images: string; env: Record<string, string> }> {
  const dir = await scratch();
  const images = join(dir, "images");
  const target = join(dir, "target");
  for (const folder of ["bin", "lib", "usr/lib/umec"]) await mkdir(join(target, folder), { recursive: true });
  await mkdir(join(images, "rpi-firmware"), { recursive: true });
  await mkdir(join(dir, "build/rpi-firmware-1/boot"), { recursive: true });
  await writeFile(join(dir, "build/rpi-firmware-1/boot/LICENCE.broadcom"), "licence\n");
  await writeFile(join(target, "usr/lib/umec/VERSION"), "1.2.3\n");
  await writeFile(join(images, "Image"), "no kernel at all\n".repeat(10_000));
  await writeFile(join(images, "rootfs.squashfs"), Buffer.alloc(40_960, "root"));
  await writeFile(join(images, "flash.bin"), Buffer.alloc(100_000, "boot loader"));
  await writeFile(join(images, "u-boot.bin"), "U-Boot");
  for (const tree of await words(join(image, "kernel/boards.txt")))
    await writeFile(join(images, `${basename(tree)}.dtb`), tree);
  for (const file of ["bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"]) {
    await writeFile(join(images, "rpi-firmware", file), file);
  }
  // A program with libraries in busybox's place.
  await inToolRoot(
    [
      "sh",
      "-c",
      `cd "$1" && echo 'double sin(double); int main(int c, char **v) { return sin(c); }' >b.c &&
    aarch64-linux-gnu-gcc -fno-builtin -o target/bin/busybox b.c -lm &&
    cd /usr/aarch64-linux-gnu/lib && cp libc.so.6 libm.so.6 ld-linux-aarch64.so.1 "$1/target/lib/"`,
      "sh",
      dir,
    ],
    { bind: [dir] },
  );
  return {
    dir,
    images,
    env: { TARGET_DIR: target, BUILD_DIR: join(dir, "build"), READELF: "aarch64-linux-gnu-readelf" },
  };
}

test("Buildroot's images become a disk with the layout of all images", { timeout: 600_000 }, async () => {
  const { dir, images, env } = await createBuild();
  const tool = (command: string[]) => inToolRoot(command, { cwd: dir, bind: [dir], env, timeoutMs: 300_000 });
  await tool(["sh", join(board, "post-image.sh"), images, "imx8mp-evk", "flash.bin"]);
  const disk = join(images, "umec-1.2.3-imx8mp-evk.img");
  const table = JSON.parse(await tool(["sfdisk", "--json", disk])) as {
    partitiontable: { partitions: { name: string; start: number; size: number }[] };
  };
  const { partitions } = table.partitiontable;
  assert.deepEqual(
    partitions.map(({ name, size }) => [name, size / 2048]),
    [
      ["boot", 64],
      ["boot_a", 48],
      ["boot_b", 48],
      ["root_a", 160],
      ["root_b", 160],
      ["data", 64],
    ],
  );

  const file = await open(disk);
  const loader = Buffer.alloc(100_000);
  await file.read(loader, 0, loader.length, 32_768);
  await file.close();
  assert.deepEqual(loader, await readFile(join(images, "flash.bin")));

  const slot = (name: string) =>
    tool([
      "mtype",
      "-i",
      `${disk}@@${partitions.find((part) => part.name === name)!.start * 512}`,
      "::slot.env",
    ]);
  const environment = await slot("boot_a");
  assert.equal(await slot("boot_b"), environment);
  const [, sectors, blocks, hash, salt] =
    /dm-mod\.create="umec,,,ro,0 (\d+) verity 1 PARTLABEL=root_a PARTLABEL=root_a 4096 4096 (\d+) \2 sha256 (\w+) (\w+) 1 restart_on_corruption"/.exec(
      environment,
    ) ?? [];
  assert.deepEqual([sectors, blocks], ["80", "10"]);
  const root = join(images, "umec/root.img");
  const verify = [
    "veritysetup",
    "verify",
    "--no-superblock",
    `--data-blocks=${blocks}`,
    "--hash-offset=40960",
    `--salt=${salt}`,
  ];
  await tool([...verify, root, root, hash!]);

  const initramfs = await tool([
    "sh",
    "-c",
    'zstd -dc "$1" | cpio --quiet -t',
    "sh",
    join(images, "umec/initrd.zst"),
  ]);
  for (const path of ["init", "bin/busybox", "lib/libc.so.6", "lib/libm.so.6", "lib/ld-linux-aarch64.so.1"]) {
    assert.ok(initramfs.split("\n").includes(path), path);
  }

  await tool(["sh", join(board, "post-image.sh"), images, "rpi"]);
  const boot = (await tool(["mdir", "-b", "-i", `${join(images, "umec-1.2.3-rpi.img")}@@8M`, "::"])).split(
    "\n",
  );
  for (const name of ["config.txt", "start4.elf", "bootcode.bin", "u-boot.bin", "boot.scr", "FIRMWARE.TXT"]) {
    assert.ok(
      boot.some((path) => path.toLowerCase() === `::/${name.toLowerCase()}`),
      name,
    );
  }
});
