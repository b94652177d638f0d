import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../test-scratch.ts";
import { readProgramObject } from "./program-object.ts";

const scratch = createScratch();
const bytesOf = (request: unknown): Uint8Array => Buffer.from(JSON.stringify(request));
const still = { file: "still", name: "door/still.jpg", contentType: "image/jpeg" };

test("a file in the directory becomes an object with its name, type and time", async () => {
  const dir = await scratch();
  await writeFile(join(dir, "still"), "picture");
  const { object, path } = await readProgramObject(dir, bytesOf({ ...still, timeMs: 1_800_000_000_000 }));
  assert.equal(path, join(dir, "still"));
  assert.equal(Buffer.from(object.body).toString(), "picture");
  assert.deepEqual(
    [object.name, object.contentType, object.timeMs],
    ["door/still.jpg", "image/jpeg", 1_800_000_000_000],
  );
});

test("what is no file of its own is refused, and nothing waits for a pipe or follows a link", async () => {
  const dir = await scratch();
  await writeFile(join(dir, "..secret"), "x");
  const outside = join(await scratch(), "secret");
  await writeFile(outside, "secret");
  await symlink(outside, join(dir, "link"));
  await mkdir(join(dir, "directory"));
  execFileSync("mkfifo", [join(dir, "pipe")]);
  await writeFile(join(dir, "large"), "");
  await truncate(join(dir, "large"), 2 ** 24 + 1);
  for (const [file, message] of [
    ["../secret", /is no name of a file in objects\//],
    ["..secret", /is no name/],
    ["a/b", /is no name/],
    ["", /is no name/],
    [7, /^7 is no name/],
    [undefined, /undefined is no name/],
    ["link", /link can't be read: ELOOP/],
    ["none", /none can't be read: ENOENT/],
    ["directory", /directory is no plain file/],
    ["pipe", /pipe is no plain file/],
    ["large", /large: 16777217 bytes, 16777216 are allowed/],
  ] as const) {
    const request = bytesOf({ ...still, file });
    await assert.rejects(readProgramObject(dir, request), { code: "OBJECT_INVALID", message }, String(file));
  }
});

test("a request that is no object of JSON is refused", async () => {
  const dir = await scratch();
  for (const text of ["", "{", "[]", "null", '"still"'])
    await assert.rejects(readProgramObject(dir, Buffer.from(text)), { code: "OBJECT_INVALID" }, text);
  await writeFile(join(dir, "still"), "picture");
  await assert.rejects(readProgramObject(dir, bytesOf({ ...still, timeMs: "now" })), {
    code: "OBJECT_INVALID",
    message: /time "now" is no number/,
  });
});
