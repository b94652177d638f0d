/** On real block devices: loop devices of the kernel, which take root. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { before, suite, test } from "node:test";
import { promisify } from "node:util";
import { createScratch } from "../test-scratch.ts";
import { type CardImage, makeCardImage, readBootFile } from "./test-card-image.ts";
import { umec } from "./test-program.ts";

const run = promisify(execFile);
const scratch = createScratch();
const missing = await whatIsMissing();

suite("umec flash, to a disk", { skip: missing }, () => {
  let image: CardImage;

  before(async () => {
    image = await makeCardImage(await scratch());
  });

  test("overwrites a disk full of something else, old tables too, and has the kernel see the new one", async (t) => {
    await using disk = await attach(image.bytes + 5 * 2 ** 20, 0xa5);
    const { code, stdout, stderr } = await umec([
      "flash",
      `${image.path}.zst`,
      disk.path,
      "--yes",
      "--name",
      "lamp-3",
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /for lamp-3/);
    assert.deepEqual(JSON.parse(await readBootFile(disk.file, "umec.json")), { node: "lamp-3" });
    const written = await readFile(disk.file);
    assert.ok(
      written.subarray(-33 * 512).every((byte) => byte === 0),
      "the old table's copy is still there",
    );
    await using raw = await attachFile(image.path);
    // Not every kernel reads GPT.
    const partitions = await partitionsOf(raw.path);
    if (partitions.length === 0) t.diagnostic("this kernel reads no GPT: partitions were not looked at");
    assert.equal((await partitionsOf(disk.path)).length, partitions.length);
  });

  test("refuses a disk that is mounted, is too small, or can't be written", async () => {
    await using mounted = await attach(8 * 2 ** 20);
    await run("mkfs.ext4", ["-q", mounted.path]);
    const at = join(await scratch(), "at");
    await mkdir(at);
    await run("mount", [mounted.path, at]);
    try {
      await writeFile(join(at, "mine"), "mine");
      const { code, stderr } = await umec(["flash", image.path, mounted.path, "--yes"]);
      assert.match(stderr, new RegExp(`${mounted.path} is in use: ${mounted.path} is mounted at ${at}`));
      assert.match(stderr, /umount/);
      assert.equal(code, 1);
      assert.equal(await readFile(join(at, "mine"), "utf8"), "mine");
    } finally {
      await run("umount", [at]);
    }
    const small = await umec(["flash", image.path, mounted.path, "--yes"]);
    assert.match(small.stderr, /needs 16\.0 MiB, and .* has 8\.0 MiB\nhint: take a larger card/);
    await using locked = await attach(image.bytes, 0, ["-r"]);
    assert.match((await umec(["flash", image.path, locked.path, "--yes"])).stderr, /is write protected/);
  });

  test("refuses a disk that is too large for a card, unless told", async () => {
    await using disk = await attach(300e9);
    const refused = await umec(["flash", image.path, disk.path, "--yes"]);
    assert.match(refused.stderr, /has 300 GB, more than a card.*\nhint: .*--force-large/);
    assert.equal(refused.code, 1);
    const { code, stderr } = await umec(["flash", image.path, disk.path, "--yes", "--force-large"]);
    assert.equal(code, 0, stderr);
  });
});

/** A loop device of a file of `bytes` bytes; `fill` is what all of them are. */
async function attach(bytes: number, fill = 0, options: string[] = []) {
  const file = join(await scratch(), "disk");
  await writeFile(file, fill === 0 ? "" : Buffer.alloc(bytes, fill));
  await truncate(file, bytes);
  return attachFile(file, options);
}

async function attachFile(file: string, options: string[] = []) {
  const { stdout } = await run("losetup", ["-f", "--show", "-P", ...options, file]);
  const path = stdout.trim();
  return { path, file, [Symbol.asyncDispose]: async () => void (await run("losetup", ["-d", path])) };
}

async function partitionsOf(path: string): Promise<string[]> {
  const name = basename(path);
  return (await readdir(join("/sys/class/block", name))).filter((each) => each.startsWith(`${name}p`));
}

async function whatIsMissing(): Promise<string | false> {
  if (process.getuid?.() !== 0) return "loop devices take root";
  try {
    await run("losetup", ["-f"]);
    return false;
  } catch {
    return "there are no loop devices here";
  }
}
