import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { checkOptions } from "./check.ts";
import { driver } from "./driver.ts";
import { type OnvifOptions, optionsSchema } from "./options.ts";
import { usualPoints } from "./topics.ts";

const root = new URL("../../", import.meta.url);
const page = await readFile(new URL("docs/drivers/onvif.md", root), "utf8");
const validate = new Ajv2020({ useDefaults: true, strict: false }).compile<OnvifOptions>(optionsSchema);

function block(language: string): string {
  const found = page.match(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``))?.[1];
  assert.ok(found, `the page has no block of ${language}`);
  return found;
}

test("the page's options are valid, and their points are those of the page", () => {
  const { options } = parse(block("yaml")).plugins["gate-camera"];
  assert.ok(validate(options), JSON.stringify(validate.errors));
  assert.deepEqual(checkOptions(options), []);
  for (const { name } of driver.manifest.points(options)) {
    assert.ok(page.includes(`\`${name}\``) || name === "doorbell", name);
  }
  for (const name of Object.keys(usualPoints)) assert.ok(page.includes(`\`${name}\``), name);
});

test("every option can be left out but for none, and has a description", () => {
  const options: unknown = {};
  assert.ok(validate(options), JSON.stringify(validate.errors));
  const names = [...JSON.stringify(optionsSchema).matchAll(/"(\w+)":\{[^{}]*"description"/g)].map(
    ([, name]) => name,
  );
  assert.ok(names.length > 20);
  for (const name of names) assert.ok(page.includes(`\`${name}\``) || page.includes(`.${name}\``), name);
});

test("the page's example runs and prints what it says", async () => {
  const args = ["--input-type=module-typescript", "--eval", block("ts")];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  assert.equal(stdout.trim(), block("ts").match(/console\.log\(.*\/\/ (.*)/)?.[1]);
});

test("the page tells every error, and no other", async () => {
  const dir = new URL("./", import.meta.url);
  const codes = new Set<string>();
  for (const file of await readdir(dir)) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const source = await readFile(new URL(file, dir), "utf8");
    for (const [code] of source.matchAll(/\bONVIF_[A-Z_]+\b/g)) codes.add(code);
  }
  const told = [...page.matchAll(/^\| `(ONVIF_[A-Z_]+)` \|/gm)].map(([, code]) => code);
  assert.deepEqual([...told].sort(), [...codes].sort());
});
