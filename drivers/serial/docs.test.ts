import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { checkOptions } from "./check.ts";
import { driver } from "./driver.ts";
import { optionsSchema, type SerialOptions } from "./options.ts";

const page = await readFile(new URL("../../docs/drivers/serial.md", import.meta.url), "utf8");
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].flatMap(([, yaml]) => {
  const { plugins } = parse(yaml!) as { plugins: Record<string, { options: SerialOptions }> };
  return Object.values(plugins).map(({ options }) => options);
});

test("the page's examples are valid, and give the points that it names", () => {
  assert.equal(examples.length, 4);
  const validate = new Ajv2020({ useDefaults: true, strict: false }).compile(optionsSchema);
  for (const options of examples) {
    assert.deepEqual(checkOptions(options), []);
    for (const { name, access } of driver.manifest.points(options)) {
      if (access === "write" || /\/(online|errors)$/.test(name)) continue;
      assert.ok(page.includes(`\`${name}\``), name);
    }
    // The node fills defaults in by the schema before it asks for findings.
    assert.ok(validate(options), JSON.stringify(validate.errors));
    assert.deepEqual(checkOptions(options), []);
  }
});

test("the page tells every option and error", async () => {
  for (const [, name] of JSON.stringify(optionsSchema).matchAll(/"(\w+)":\{[^{}]*"description"/g)) {
    assert.ok(name === "items" || page.includes(`\`${name}\``), name);
  }
  const dir = new URL("./", import.meta.url);
  for (const file of await readdir(dir)) {
    if (!file.endsWith(".ts")) continue;
    const source = await readFile(new URL(file, dir), "utf8");
    for (const [code] of source.matchAll(/\bSERIAL_[A-Z]+\b/g)) {
      assert.ok(page.includes(`\`${code}\``), `${code} of ${file}`);
    }
  }
});

test("the driver alone loads neither the package for ports nor the one for sentences", async () => {
  const { createRequire } = await import("node:module");
  const { cache } = createRequire(import.meta.url);
  assert.deepEqual(
    Object.keys(cache).filter((name) => /node_modules\/(@serialport|serialport|nmea-simple)\//.test(name)),
    [],
  );
});
