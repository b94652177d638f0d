import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import Type from "typebox";
import { type Driver, defineDriver } from "../plugin/contract.ts";
import { checkTarget } from "./check.ts";
import { clickDriver } from "./fixtures/drivers.ts";
import { isRecord } from "./json.ts";
import { targetSchema } from "./schema.ts";

const reference = await readFile(new URL("../../docs/target-state.md", import.meta.url), "utf8");

test("the reference's complete example is a valid target", async () => {
  const example = /```yaml\n([\s\S]*?)```/.exec(reference)![1]!;
  const modbus = defineDriver({
    manifest: {
      ...clickDriver.manifest,
      name: "modbus",
      options: Type.Object({}),
      points: () => [{ name: "line/voltage" }],
    },
    run: async () => {},
  });
  const { target, findings } = await checkTarget(example, {
    path: "/etc/umec/node.yaml",
    drivers: { names: () => ["modbus"], load: async () => modbus as unknown as Driver },
  });
  assert.deepEqual(
    findings.map(({ pointer }) => pointer),
    ["/link/credentials", "/link/ca"],
    "only the files are missing",
  );
  assert.equal(target?.plugins[0]?.limits.bytesPerS, 65_536);
});

test("the reference has every key of the schema", () => {
  const leaves = (schema: unknown, path: string[] = []): string[] => {
    if (!isRecord(schema)) return [];
    const parts = Object.entries(isRecord(schema.properties) ? schema.properties : {});
    if (isRecord(schema.additionalProperties)) parts.push(["*", schema.additionalProperties]);
    return parts.length === 0
      ? [path.join(".")]
      : parts.flatMap(([key, part]) => leaves(part, [...path, key]));
  };
  const missing = leaves(targetSchema).filter((key) => !reference.includes(`| \`${key}\` |`));
  assert.deepEqual(missing, []);
});
