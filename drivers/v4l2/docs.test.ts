import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { checkOptions } from "./check.ts";
import { driver } from "./driver.ts";
import { frameCommandSchema } from "./frame-command.ts";
import { optionsSchema } from "./options.ts";

const root = new URL("../../", import.meta.url);
const page = await readFile(new URL("docs/drivers/v4l2.md", root), "utf8");
const example = page.match(/```yaml\n([\s\S]*?)```/)?.[1] ?? "";

test("the page's options are valid, also with their defaults filled in", () => {
  const options = parse(example);
  const validate = new Ajv2020({ useDefaults: true, strict: false }).compile(optionsSchema);
  assert.equal(options.device, "HD Pro Webcam C920");
  assert.deepEqual(checkOptions(options), []);
  assert.ok(validate(options), JSON.stringify(validate.errors));
  assert.deepEqual(checkOptions(options), []);
});

test("half a size, and an odd width of YUYV, are found", () => {
  assert.deepEqual(
    checkOptions({ device: "x", width: 641, format: "YUYV" }).map(({ pointer }) => pointer),
    ["/width", "/width"],
  );
});

test("the page tells every option, point and error", async () => {
  for (const [, name] of JSON.stringify(optionsSchema).matchAll(/"(\w+)":\{[^{}]*"description"/g)) {
    assert.ok(page.includes(`\`${name}\``), name);
  }
  for (const { name } of driver.manifest.points(parse(example)))
    assert.ok(page.includes(`\`${name}\``), name);
  const dir = new URL("./", import.meta.url);
  for (const file of await readdir(dir)) {
    if (!file.endsWith(".ts")) continue;
    const source = await readFile(new URL(file, dir), "utf8");
    for (const [code] of source.matchAll(/"V4L2_(?!CAP|BUF|CTRL|FIELD|MEMORY)[A-Z_]+"/g)) {
      assert.ok(page.includes(`\`${code.slice(1, -1)}\``), `${code} of ${file}`);
    }
  }
});

test("the values that the page gives camera/frame are taken, and others are not", () => {
  const validate = new Ajv2020({ strict: false }).compile(frameCommandSchema);
  const told = page.match(/`(\{ "after": .*?\})`/)?.[1] ?? "";
  for (const value of [null, {}, JSON.parse(told)]) assert.ok(validate(value), JSON.stringify(value));
  for (const value of [7, { after: -1 }, { waitMs: 25_001 }, { before: 1 }]) assert.ok(!validate(value));
});
