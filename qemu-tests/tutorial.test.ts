import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { copyClone, follow, readTutorial, stepsOf } from "../runtime/scaffold/tutorial.ts";

/** Its image is thrown away: that its root slot is small is not worth a minute. */
const fast = { UMEC_ZSTD: "1" };
const root = fileURLToPath(new URL("../", import.meta.url));

test("the driver of docs/write-a-driver.md reads an emulated chip, as its last step says", {
  timeout: 600_000,
}, async () => {
  const clone = await mkdtemp(join(tmpdir(), "umec-tutorial-"));
  try {
    await copyClone(root, clone, "copy");
    for (const step of stepsOf(await readTutorial(root))) {
      if (step.kind === "file" || step.on === "qemu" || step.script.startsWith("umec new"))
        await follow(step, clone, fast);
    }
  } finally {
    await rm(clone, { recursive: true, force: true });
  }
});
