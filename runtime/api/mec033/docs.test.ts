import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { mec033FixtureSchema } from "./fixture.ts";
import { serveMec033 } from "./test-mec033.ts";

test("the devices and platforms of the example fixture are valid, and can be seeded", async () => {
  const path = new URL("../../../docs/apps/fixture.json", import.meta.url);
  const { devices, platforms } = JSON.parse(await readFile(path, "utf8"));
  const fits = new Ajv2020({ strict: false, validateFormats: false }).compile(mec033FixtureSchema);
  assert.ok(fits({ devices, platforms }), JSON.stringify(fits.errors));
  const { ask, mec033 } = await serveMec033();
  await mec033.seed({ devices, platforms });
  assert.equal((await ask("GET", "/registered_devices/sensor-1")).status, 200);
  assert.equal((await ask("GET", "/registered_iot_platforms/platform-1")).status, 200);
});
