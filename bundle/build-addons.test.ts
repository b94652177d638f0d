import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../runtime/test-scratch.ts";
import { addons } from "./addons.ts";
import { addonCode, compiledAddons } from "./build-addons.ts";
import { nodePackage } from "./node-package.ts";
import { architectures, cacheDir, root } from "./paths.ts";
import { runTool } from "./run-tool.ts";
import { here } from "./test-bundle.ts";

const scratch = createScratch();
const i2c = compiledAddons.find(({ package: name }) => name === "i2c-bus")!;

/** Loads an addon and writes how many functions and classes it exports. */
const load = `
  const module = { exports: {} };
  process.dlopen(module, process.argv[1]);
  console.log(Object.values(module.exports).filter((value) => typeof value === "function").length);
`;

test("two builds of an addon are the same, byte for byte, and the second time nothing is compiled", async () => {
  const [one, two] = [await scratch(), await scratch()];
  const built = await addonCode(i2c, { architecture: "arm64", cache: one });
  const again = await addonCode(i2c, { architecture: "arm64", cache: two });
  assert.ok((await readFile(built)).equals(await readFile(again)));
  assert.deepEqual(await readdir(join(one, "addons")), [built.split("/").at(-2)]);
  const { PATH } = process.env;
  process.env.PATH = "/nowhere";
  try {
    assert.equal(await addonCode(i2c, { architecture: "arm64", cache: one }), built);
  } finally {
    process.env.PATH = PATH;
  }
});

test("addons name nothing of this machine and need no library newer than the bundle promises", async () => {
  for (const architecture of architectures) {
    for (const addon of addons) {
      const path = await addonCode(addon, { architecture });
      const code = await readFile(path, "latin1");
      if (compiledAddons.includes(addon)) {
        for (const place of [root, cacheDir()]) assert.ok(!code.includes(place), path);
      }
      for (const [needed, library, minor] of code.matchAll(/\b(GLIBC_2|GLIBCXX_3\.4)\.(\d+)(?:\.\d+)?\0/g)) {
        assert.ok(Number(minor) <= (library === "GLIBC_2" ? 34 : 29), `${path} needs ${needed}`);
      }
    }
  }
});

test("each addon loads in the Node.js that ships", async () => {
  const { binary } = await nodePackage(here);
  for (const addon of addons) {
    const path = await addonCode(addon, { architecture: here });
    assert.ok(Number(await runTool(binary, ["--eval", load, path])) > 0, addon.package);
  }
});

const emulator = await runTool("qemu-aarch64-static", ["--version"]).then(
  () => undefined,
  () => "there is no qemu-aarch64-static here (qemu-user-static)",
);
test("each addon for arm64 loads in arm64's Node.js", { skip: emulator }, async () => {
  const { binary } = await nodePackage("arm64");
  // The libraries of arm64, as they come with the compiler.
  const tools = (await runTool(join(root, "image/tools/root.sh"), [])).trim();
  for (const addon of addons) {
    const path = await addonCode(addon, { architecture: "arm64" });
    const args = ["-L", join(tools, "usr/aarch64-linux-gnu"), binary, "--eval", load, path];
    assert.ok(Number(await runTool("qemu-aarch64-static", args)) > 0, addon.package);
  }
});

test("sources that do not compile are told with the compiler's words, and leave nothing in the cache", async () => {
  const cache = await scratch();
  const broken = { ...i2c, code: { sources: ["src/i2c.cc", "src/missing.cc"] } };
  await assert.rejects(addonCode(broken, { architecture: here, cache }), {
    code: "BUNDLE_ADDON_FAILED",
    message: /^i2c-bus could not be compiled for \w+:\n.*src\/missing\.cc/,
  });
  assert.deepEqual(await readdir(join(cache, "addons")), []);
});
