import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { checkOptions } from "./check.ts";
import { driver } from "./driver.ts";
import { optionsSchema } from "./options.ts";
import { commandsInARow, patienceMs } from "./priority.ts";
import type { Profile } from "./profile.ts";
import { profileNames, profiles } from "./profiles.ts";

const root = new URL("../../", import.meta.url);
const page = await readFile(new URL("docs/drivers/modbus.md", root), "utf8");

function block(language: string): string {
  const found = page.match(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``))?.[1];
  assert.ok(found, `the page has no block of ${language}`);
  return found;
}

test("the page's options are valid and give the points that it names", () => {
  const validate = new Ajv2020({ useDefaults: true, strict: false }).compile(optionsSchema);
  const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => parse(text!));
  assert.equal(blocks.length, 3);
  for (const options of blocks) {
    assert.ok(validate(options), JSON.stringify(validate.errors));
    assert.deepEqual(checkOptions(options as never), []);
  }
  for (const { name } of driver.manifest.points(blocks[0] as never)) {
    if (!name.endsWith("/online")) assert.ok(page.includes(`\`${name}\``), name);
  }
});

test("the page's example runs and prints what it says", async () => {
  const args = ["--input-type=module-typescript", "--eval", block("ts")];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  const promised = [...block("ts").matchAll(/console\.log\(.*\/\/ (.*)/g)].map(([, text]) => text);
  assert.equal(promised.length, 3);
  assert.deepEqual(stdout.trim().split("\n"), promised);
});

test("the page tells every option", () => {
  const names = JSON.stringify(optionsSchema).matchAll(/"(\w+)":\{[^{}]*"description"/g);
  for (const [, name] of names)
    assert.ok(page.includes(`\`${name}\``) || name === "initialMs" || name === "maxMs", name);
});

test("the page tells every profile", () => {
  for (const name of profileNames) {
    const { summary, line } = profiles[name] as Profile;
    assert.ok(page.includes(`| \`${name}\` | ${summary} | ${line} |`), name);
  }
});

test("the page tells the rule of priorities as it is", () => {
  const { high, normal, low } = patienceMs;
  assert.ok(
    page.includes(
      `plus ${high} s for \`high\`, ${normal / 1000} s for \`normal\`, ${low / 1000} s for \`low\``,
    ),
  );
  assert.ok(page.includes(`After ${commandsInARow} requests of commands in a row`));
});
