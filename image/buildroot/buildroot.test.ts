import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { parseConfigIn, parseDefconfig } from "./kconfig.ts";

const here = import.meta.dirname;
const image = dirname(here);
const files = (await readdir(here, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile())
  .map((entry) => relative(here, join(entry.parentPath, entry.name)));
const read = (path: string) => readFile(join(here, path), "utf8");
const lines = async (path: string) => (await read(path)).split("\n");
const words = async (path: string) => (await read(path)).replace(/#.*/g, "").split(/\s+/).filter(Boolean);
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

const known = new Set(
  (await lines("symbols.txt")).filter((line) => /^BR2_/.test(line)).map((line) => line.split(" ")[0]),
);
const configs = files.filter((path) => path.startsWith("configs/"));
const packages = files.filter((path) => path.endsWith(".mk") && path.startsWith("package/"));
const scripts = files.filter((path) => path.endsWith(".sh"));
const defconfigs = new Map(
  await Promise.all(configs.map(async (path) => [path, parseDefconfig(path, await read(path))] as const)),
);
const own = new Set<string>();
const used = new Set<string>();
for (const path of files.filter((path) => basename(path) === "Config.in")) {
  const parsed = parseConfigIn(path, await read(path));
  for (const name of parsed.defined.keys()) own.add(name);
  for (const name of parsed.used) used.add(name);
  for (const source of parsed.sources) used.add(source);
}

test("the boards are there", () => {
  assert.deepEqual(configs.sort(), [
    "configs/umec_imx8mp_evk_defconfig",
    "configs/umec_rpi4_64_defconfig",
    "configs/umec_virt_defconfig",
  ]);
});

test("the tree has its name, and all of its packages are in the menu", async () => {
  assert.match(await read("external.desc"), /^name: UMEC\ndesc: .+\n$/);
  const folders = packages.map((path) => `$BR2_EXTERNAL_UMEC_PATH/${dirname(path)}/Config.in`).sort();
  assert.deepEqual(parseConfigIn("Config.in", await read("Config.in")).sources.sort(), folders);
  assert.match(await read("external.mk"), /^include \$\(sort \$\(wildcard .*\/package\/\*\/\*\.mk\)\)\n$/);
});

test("every symbol is one that Buildroot or this tree has", async () => {
  const foreign = [...used, ...[...defconfigs.values()].flatMap((values) => [...values.keys()])].filter(
    (name) => name.startsWith("BR2_") && !own.has(name),
  );
  const inMakefiles = (await Promise.all(packages.map(read))).join("\n").match(/BR2_(?!EXTERNAL_)\w+/g) ?? [];
  foreign.push(...inMakefiles.filter((name) => !own.has(name)));
  assert.deepEqual(
    [...new Set(foreign)].filter((name) => !known.has(name)),
    [],
  );
  assert.deepEqual(
    [...known].filter((name) => !foreign.includes(name!)),
    [],
    "a symbol in symbols.txt is not used",
  );
});

test("every path that a configuration, package or script names exists", async () => {
  const missing: string[] = [];
  const variables: Record<string, string> = {
    BR2_EXTERNAL_UMEC_PATH: here,
    board: "board",
    root: "../root",
    image: "..",
  };
  for (const path of files.filter((path) => /^(configs|package|board)\//.test(path))) {
    const code = (await lines(path)).filter((line) => !/^\s*#/.test(line)).join("\n");
    for (const [, name, rest] of code.matchAll(
      /\$[({]?(BR2_EXTERNAL_UMEC_PATH|board|root|image)[)}]?(\/[\w.*$/-]+)/g,
    )) {
      const target = normalize(
        join(name === "BR2_EXTERNAL_UMEC_PATH" ? here : join(here, variables[name!]!), rest!),
      );
      // The bundle is made by make bundle; a pattern or a variable is not one file.
      if (/[*$]/.test(rest!) || target.includes("/dist/")) continue;
      if (!existsSync(target)) missing.push(`${path}: ${target}`);
    }
  }
  assert.deepEqual(missing, []);
});

test("what the image is made of is used, not copied", async () => {
  const text = (await Promise.all([...configs, ...packages, ...scripts].map(read))).join("\n");
  for (const shared of [
    "../root/overlay",
    "../kernel/umec.config",
    "../boards/rpi/config.txt",
    "kernel/boards.txt",
    "overlay/usr/lib/sysusers.d/umec.conf",
    "root/links.txt",
    "root/applets.txt",
    "rauc/system.conf.in",
    "/init",
    "layout/stage.sh",
    "layout/make-disk.sh",
  ]) {
    assert.ok(text.includes(shared), `${shared} is not used`);
  }
  const elsewhere = new Map<string, string>();
  for (const entry of await readdir(image, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !path.startsWith(here)) elsewhere.set(sha256(await readFile(path)), path);
  }
  for (const path of files) {
    assert.equal(elsewhere.get(sha256(await readFile(join(here, path)))), undefined, `${path} is a copy`);
  }
});

test("the kernel is the one of the image: fragment, device trees, a known archive", async () => {
  const trees = (await words("../kernel/boards.txt")).join(" ");
  const hashes = await read("patches/linux/linux.hash");
  assert.equal(await read("patches/linux-headers/linux-headers.hash"), hashes);
  for (const [path, values] of defconfigs) {
    assert.equal(values.get("BR2_LINUX_KERNEL_INTREE_DTS_NAME"), trees, path);
    const version = values.get("BR2_LINUX_KERNEL_CUSTOM_VERSION_VALUE")!;
    assert.match(
      hashes,
      new RegExp(`^sha256  [0-9a-f]{64}  linux-${version.replaceAll(".", "\\.")}\\.tar\\.xz$`, "m"),
      path,
    );
    const series = version.split(".").slice(0, 2).join("_");
    assert.equal(values.get(`BR2_PACKAGE_HOST_LINUX_HEADERS_CUSTOM_${series}`), "y", path);
  }
});

test("but for board and boot loader the defconfigs are the same", () => {
  const board = /UBOOT|FIRMWARE|IMX|POST_SCRIPT_ARGS/;
  const [first, ...others] = [...defconfigs.values()].map((values) =>
    [...values].filter(([name]) => !board.test(name)),
  );
  for (const other of others) assert.deepEqual(other, first);
  for (const [path, values] of defconfigs) {
    const name = values.get("BR2_ROOTFS_POST_SCRIPT_ARGS")!.split(" ")[0]!;
    assert.ok(existsSync(join(image, "boards", name, "board.env")), `${path}: there is no board ${name}`);
  }
});

for (const path of packages) {
  test(`${path} follows Buildroot's manual`, async () => {
    const name = basename(dirname(path));
    const variable = name.toUpperCase().replaceAll("-", "_");
    const text = await read(path);
    assert.equal(basename(path), `${name}.mk`);
    assert.ok(text.startsWith(`${"#".repeat(80)}\n#\n# ${name}\n#\n${"#".repeat(80)}\n\n`), "the head");
    assert.match(text, /\n\n\$\(eval \$\((generic|golang)-package\)\)\n$/);
    assert.match(text, /^[\n\t\x20-\x7e]*$/, "ASCII only");
    assert.doesNotMatch(text, / +$|\t +|\n\n\n/m);
    for (const [, assigned] of text.matchAll(/^(?:define )?([A-Z0-9_]+)(?: [+:?]?=|$)/gm)) {
      assert.ok(
        assigned!.startsWith(`${variable}_`) || assigned === "BR_NO_CHECK_HASH_FOR",
        `${assigned} is not of ${name}`,
      );
    }
    assert.match(text, new RegExp(`^${variable}_SITE = .`, "m"));
    assert.match(text, new RegExp(`^${variable}_LICENSE = .`, "m"));
    const licences = new RegExp(`^${variable}_LICENSE_FILES = (.+)$`, "m").exec(text)?.[1]?.split(" ") ?? [];
    const hashes = new Map<string, string>();
    for (const line of (await lines(path.replace(/mk$/, "hash"))).filter(
      (line) => line && !line.startsWith("#"),
    )) {
      const fields = /^sha256 {2}([0-9a-f]{64}) {2}(\S+)$/.exec(line);
      assert.ok(fields, line);
      hashes.set(fields[2]!, fields[1]!);
    }
    // The bundle's own list of licences is different with every bundle.
    for (const file of licences.filter((file) => file !== "LICENSES.txt"))
      assert.ok(hashes.has(file), `${file} has no hash`);
    const version = new RegExp(`^${variable}_VERSION = (.+)$`, "m").exec(text)?.[1];
    if (version)
      assert.ok(
        [...hashes.keys()].some((file) => file.includes(version)),
        "the archive has no hash",
      );
    if (name === "umec")
      assert.equal(hashes.get("LICENSE"), sha256(await readFile(join(image, "../LICENSE"))));
  });
}

test("busybox has every applet that the image's scripts call for", async () => {
  const options = new Set(
    (await words("board/busybox.fragment")).map((line) => /^CONFIG_(\w+)=y$/.exec(line)?.[1]),
  );
  const special: Record<string, string> = { "[": "TEST1", sh: "SH_IS_ASH" };
  const applets = await words("../root/applets.txt");
  assert.deepEqual(
    applets.filter((name) => !options.has(special[name] ?? name.toUpperCase())),
    [],
  );
});

test("the scripts are shell", async () => {
  for (const path of scripts) {
    await promisify(execFile)("sh", ["-n", join(here, path)]);
    assert.match(await read(path), /^#!\/bin\/sh\n# \S[\s\S]*\nset -eu\n/, path);
  }
});
