import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { driver } from "./driver.ts";
import { groups } from "./groups.ts";
import { groupNames, optionsSchema } from "./options.ts";

const page = await readFile(new URL("../../docs/drivers/system.md", import.meta.url), "utf8");

test("the page's options are valid", () => {
  const yaml = page.match(/```yaml\n([\s\S]*?)```/)?.[1];
  const { plugins } = parse(yaml!) as { plugins: { board: { options: object } } };
  const validate = new Ajv2020({ useDefaults: true, strict: false }).compile(optionsSchema);
  assert.ok(validate(plugins.board.options), JSON.stringify(validate.errors));
  assert.deepEqual(driver.manifest.check?.(plugins.board.options as never), []);
});

test("the page tells every option, group and point", () => {
  for (const name of Object.keys(optionsSchema.properties)) assert.ok(page.includes(`| \`${name}\` |`), name);
  const examples: Record<string, string> = {
    disk: "data",
    io: "mmcblk0",
    flash: "mmc0",
    network: "eth0",
    cpu: "0",
  };
  for (const group of groupNames) {
    assert.ok(page.includes(`| \`${group}\` |`), group);
    for (const { name } of groups[group].points) {
      const shown = name.replace("*", examples[group] ?? "cpu-thermal");
      assert.ok(page.includes(`\`${shown}\``), shown);
    }
  }
});
