import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { startExample } from "./example.ts";

test("the worked example runs: both requests give samples and the heater answers", async () => {
  await using example = await startExample({ port: 0, everyMs: Number.POSITIVE_INFINITY });
  const { run, station } = example;
  const { temperature, pressure } = station.observe();
  const all = await run.samples(({ lane }) => lane === "telemetry", { count: 8 });
  const values = new Map(all.map(({ name, value, unit }) => [name, [value, unit]]));
  assert.deepEqual([...values.keys()].toSorted(), [
    "park/north/temperature",
    "park/south/temperature",
    "station/heater",
    "station/humidity",
    "station/pressure",
    "station/temperature",
    "station/wind/direction",
    "station/wind/speed",
  ]);
  assert.deepEqual(values.get("station/temperature"), [temperature, "Cel"]);
  assert.deepEqual(values.get("station/pressure"), [pressure * 100, "Pa"]);
  assert.deepEqual(await run.command("station/heater", true), { status: 200, body: { heater: true } });
  assert.deepEqual(
    run.lines.filter(({ level }) => level !== "debug"),
    [],
  );
});

test("the page shows the example as it runs", async () => {
  const page = await readFile(new URL("../../docs/drivers/http.md", import.meta.url), "utf8");
  const yaml = await readFile(new URL("./example.yaml", import.meta.url), "utf8");
  assert.ok(page.includes(`\`\`\`yaml\n${yaml}\`\`\``));
});

test("the page tells every option and every error", async () => {
  const page = await readFile(new URL("../../docs/drivers/http.md", import.meta.url), "utf8");
  const { requestSchema, pointSchema, eachSchema, commandSchema, timeSchema } = await import("./options.ts");
  for (const schema of [requestSchema, pointSchema, eachSchema, commandSchema, timeSchema])
    for (const option of Object.keys(schema.properties))
      assert.ok(page.includes(`| \`${option}\` |`), `option ${option}`);
  const errors = await readFile(new URL("./http-error.ts", import.meta.url), "utf8");
  for (const [code] of errors.matchAll(/HTTP_[A-Z_]+(?=` \|)/g))
    assert.ok(page.includes(`\`${code}\``), code);
});
