import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { checkOptions } from "./check.ts";
import { driver } from "./driver.ts";
import { optionsSchema } from "./options.ts";

const root = new URL("../../", import.meta.url);
const page = await readFile(new URL("docs/drivers/gpio.md", root), "utf8");

function block(language: string): string {
  const found = page.match(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``))?.[1];
  assert.ok(found, `the page has no block of ${language}`);
  return found;
}

test("the page's options are valid, with defaults too, and give the points that it names", () => {
  const options = parse(block("yaml"));
  assert.deepEqual(checkOptions(options), []);
  const validate = new Ajv2020({ useDefaults: true, strict: false }).compile(optionsSchema);
  const valid: boolean = validate(options);
  assert.ok(valid, JSON.stringify(validate.errors));
  assert.deepEqual(checkOptions(options), []);
  for (const { name } of driver.manifest.points(options)) assert.ok(page.includes(`\`${name}\``), name);
});

test("the page's example runs and prints what it says", async () => {
  const args = ["--input-type=module-typescript", "--eval", block("ts")];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: 20_000 });
  const promised = [...block("ts").matchAll(/console\.log\(.*\/\/ (.*)/g)].map(([, text]) => text);
  assert.equal(promised.length, 3);
  assert.deepEqual(stdout.trim().split("\n"), promised);
});

test("the page tells every option and error", async () => {
  for (const [, name] of JSON.stringify(optionsSchema).matchAll(/"(\w+)":\{[^{}]*"description"/g)) {
    assert.ok(page.includes(`\`${name}\``), name);
  }
  const dir = new URL("./", import.meta.url);
  for (const file of await readdir(dir)) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const source = await readFile(new URL(file, dir), "utf8");
    for (const [, code] of source.matchAll(/"(GPIO_[A-Z_]+)"/g)) {
      assert.ok(page.includes(`\`${code}\``), `${code} of ${file}`);
    }
  }
});
