import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../runtime/test-scratch.ts";
import { buildScripts } from "./scripts.ts";

const scratch = createScratch();

/** A driver of its own for the build to begin with. */
async function driver(source: string): Promise<Record<string, string>> {
  const dir = join(await scratch(), "drivers");
  await mkdir(dir);
  await writeFile(join(dir, "driver.ts"), source);
  return { driver: join(dir, "driver.ts") };
}

for (const statement of ['import Type from "typebox";', 'import { type TSchema, Type } from "typebox";']) {
  test(`a type that the bundle's TypeBox lacks stops the build: ${statement}`, async () => {
    const from = await driver(`${statement}\nexport default Type.Tuple([Type.Null()]);\n`);
    await assert.rejects(buildScripts(from), (error: Error) => {
      assert.match(error.message, /"Tuple" will always be undefined.*typebox\.ts/);
      assert.doesNotMatch(error.message, /"Null"/);
      return true;
    });
  });
}

test("another import of TypeBox stops the build", async () => {
  for (const names of [
    "Other",
    "{ IsObject }",
    "* as Other",
    "Type, { IsObject }",
    "{\n  Compile,\n  Type,\n}",
  ]) {
    const from = await driver(`import ${names} from "typebox";\nexport default [];\n`);
    await assert.rejects(buildScripts(from), /driver\.ts imports more of TypeBox than Type: import /, names);
  }
});

test("a stand-in for a module that nothing loads stops the build", async () => {
  await assert.rejects(buildScripts(await driver("export default 1;\n")), (error: Error) => {
    assert.match(error.message, /nothing loads tweetnacl\/nacl-fast\.js, which has a stand-in/);
    return true;
  });
});

test("a worker thread whose file is no entry stops the build", async () => {
  const from = await driver(
    'import { Worker } from "node:worker_threads";\nnew Worker(new URL("./other.ts", import.meta.url));\n',
  );
  await assert.rejects(buildScripts(from), /starts \.\/other\.ts, which is not an entry of the bundle/);
});

test("only a module that requires has a `require`", async () => {
  const { modules } = await buildScripts();
  const texts = [...modules.values()].map((content) => Buffer.from(content).toString());
  const making = texts.filter((text) => text.includes("createRequire"));
  assert.ok(making.length > 0 && making.length < texts.length / 4, `${making.length} of ${texts.length}`);
  for (const text of texts) assert.equal(/\brequire\b/.test(text), making.includes(text));
});
