import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { authSchema } from "./auth.ts";
import { exampleKey, startExample } from "./example.ts";
import { pagesSchema } from "./pages.ts";
import { webhookAuthSchema } from "./webhook-auth.ts";

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
  assert.equal((await station.push(example.gustUrl, { key: exampleKey })).status, 204);
  const [gust] = await run.samples(({ name }) => name === "gust/speed");
  assert.equal(gust?.unit, "m/s");
  assert.equal(station.authorizer.given, 1);
  assert.deepEqual(await run.command("station/heater", true), { status: 200, body: { heater: true } });
  assert.deepEqual(
    run.lines.filter(({ level }) => level !== "debug" && level !== "info"),
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
  const schemas = await import("./options.ts");
  const { requestSchema, pointSchema, eachSchema, commandSchema, timeSchema } = schemas;
  const { webhookSchema, listenSchema } = schemas;
  const tables = [
    requestSchema,
    pointSchema,
    eachSchema,
    commandSchema,
    timeSchema,
    webhookSchema,
    listenSchema,
  ];
  for (const schema of tables)
    for (const option of Object.keys(schema.properties))
      assert.ok(page.includes(`| \`${option}\` |`), `option ${option}`);
  for (const union of [authSchema, pagesSchema, webhookAuthSchema])
    for (const kind of union.anyOf)
      for (const option of Object.keys(kind.properties))
        assert.ok(page.includes(`\`${option}\``) || page.includes(`${option}: `), `${option}`);
  const errors = await readFile(new URL("./http-error.ts", import.meta.url), "utf8");
  for (const [code] of errors.matchAll(/HTTP_[A-Z_]+(?=` \|)/g))
    assert.ok(page.includes(`\`${code}\``), code);
});
