import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { drivers } from "../drivers.ts";
import { scratch, umec } from "./test-program.ts";

const valid = `node: n1
plugins:
  web:
    driver: http
    options:
      requests:
        station:
          url: http://127.0.0.1:8099/v1/observation
          intervalMs: 2000
          points:
            temperature: { pointer: /temperature, unit: Cel }
`;

test("a valid file is ok, with status 0", async () => {
  await using dir = await scratch();
  await writeFile(join(dir.path, "node.yaml"), valid);
  const { code, stdout, stderr } = await umec(["check"], { cwd: dir.path });
  assert.deepEqual([code, stdout, stderr], [0, "node.yaml: ok, 1 plugin\n", ""]);
});

test("every finding is shown with its place, then a count, with status 3", async () => {
  await using dir = await scratch();
  await writeFile(join(dir.path, "lamp.yaml"), "node: N1\nplugins:\n  a: { driver: modbuss }\n");
  const { code, stdout } = await umec(["check", "lamp.yaml"], { cwd: dir.path });
  assert.equal(code, 3);
  assert.match(stdout, /^lamp\.yaml:1:7: node: N1: /);
  assert.match(stdout, /\nlamp\.yaml:3:\d+: plugins\/a\/driver: modbuss: .*\n {4}hint: .*modbus/);
  assert.match(stdout, /\nlamp\.yaml: 2 errors\n$/);
});

test("--json is one object with the same findings", async () => {
  await using dir = await scratch();
  await writeFile(
    join(dir.path, "node.yaml"),
    "node: N1\nlink: { hub: nats-leaf://h.example, credentials: c }\n",
  );
  const { code, stdout } = await umec(["check", "--json"], { cwd: dir.path });
  assert.equal(code, 3);
  const { file, ok, errors, warnings, findings } = JSON.parse(stdout);
  assert.deepEqual([file, ok, errors, findings.length], ["node.yaml", false, 1, errors + warnings]);
  assert.ok(warnings > 0);
  assert.equal(findings[0].pointer, "/node");
});

test("schema writes the schema with the options of each driver", async () => {
  await using dir = await scratch();
  const { code, stdout } = await umec(["schema", "--out", "node.schema.json"], { cwd: dir.path });
  assert.deepEqual([code, stdout], [0, ""]);
  const schema = JSON.parse(await readFile(join(dir.path, "node.schema.json"), "utf8"));
  assert.deepEqual(schema.$defs.plugin.properties.driver.enum, drivers.names());
});
