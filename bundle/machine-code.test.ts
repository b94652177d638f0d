import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../runtime/test-scratch.ts";
import { addons } from "./addons.ts";
import { addonCode } from "./build-addons.ts";
import { copyMachineCode } from "./machine-code.ts";
import { architectures } from "./paths.ts";
import { here } from "./test-bundle.ts";

const scratch = createScratch();

test("each addon is there for both architectures", async () => {
  const dir = await scratch();
  for (const architecture of architectures) {
    for (const addon of addons) {
      const from = await addonCode(addon, { architecture });
      const to = join(dir, `${architecture}-${addon.file}`);
      await copyMachineCode(from, to, { architecture, mode: 0o644 });
      assert.ok((await readFile(from)).equals(await readFile(to)));
      assert.equal((await stat(to)).mode & 0o777, 0o644);
    }
  }
});

test("machine code for another architecture, and what is none, is refused", async () => {
  const dir = await scratch();
  const other = architectures.find((architecture) => architecture !== here)!;
  const wrong = { code: "BUNDLE_WRONG_ARCHITECTURE" };
  const to = join(dir, "copy");
  await assert.rejects(copyMachineCode(process.execPath, to, { architecture: other, mode: 0o755 }), wrong);
  await assert.rejects(copyMachineCode(import.meta.filename, to, { architecture: here, mode: 0o755 }), wrong);
  await assert.rejects(stat(to), { code: "ENOENT" });
});
