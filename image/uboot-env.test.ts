import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isUmecError } from "../runtime/errors.ts";
import { createScratch } from "../runtime/test-scratch.ts";
import { inToolRoot } from "./tool.ts";
import { decodeEnvironment, encodeEnvironment, environmentBytes } from "./uboot-env.ts";

const scratch = createScratch();
const example = new Map([
  ["BOOT_A_LEFT", "3"],
  ["BOOT_B_LEFT", "0"],
  ["BOOT_ORDER", "B A"],
]);

test("the file is what U-Boot's own mkenvimage makes", async () => {
  const dir = await scratch();
  const text = [...example].map(([name, value]) => `${name}=${value}\n`).join("");
  const script = 'cd "$1" && printf %s "$2" | mkenvimage -s 0x4000 -p 0 -o made -';
  await inToolRoot(["sh", "-c", script, "sh", dir, text], { bind: [dir] });
  assert.deepEqual(encodeEnvironment(example), await readFile(join(dir, "made")));
});

test("what was written is read again, whatever the order", () => {
  const name = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !/[=\0]/.test(text));
  const value = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(fc.dictionary(name, value, { maxKeys: 30 }), (variables) => {
      const entries = Object.entries(variables);
      assert.deepEqual(decodeEnvironment(encodeEnvironment(entries)), new Map(entries.toSorted()));
      assert.deepEqual(encodeEnvironment(entries), encodeEnvironment(entries.toReversed()));
    }),
  );
});

test("a file with any bit changed is not read", () => {
  const file = encodeEnvironment(example);
  fc.assert(
    fc.property(fc.nat(environmentBytes - 1), fc.nat(7), (at, bit) => {
      const damaged = Buffer.from(file);
      damaged[at]! ^= 1 << bit;
      assert.equal(decodeEnvironment(damaged), undefined);
    }),
  );
});

test("a file that is missing, empty, short or long is not read", () => {
  const file = encodeEnvironment(example);
  const others = [undefined, Buffer.alloc(0), file.subarray(0, -1), Buffer.concat([file, Buffer.of(0)])];
  for (const other of others) assert.equal(decodeEnvironment(other), undefined);
  assert.equal(decodeEnvironment(Buffer.alloc(environmentBytes, 0xff)), undefined);
});

test("what does not fit or would break the format is refused", () => {
  for (const variables of [
    [["a=b", "c"]],
    [["a", "b\0c"]],
    [["", "b"]],
    [["a", "x".repeat(0x4000)]],
  ] as const) {
    assert.throws(
      () => encodeEnvironment(variables),
      (error) => isUmecError(error, "IMAGE_ENVIRONMENT_INVALID"),
    );
  }
});
