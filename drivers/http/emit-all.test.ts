import assert from "node:assert/strict";
import { test } from "node:test";
import { type Sample, UmecError } from "../../runtime/plugin/sdk.ts";
import { emitAll } from "./emit-all.ts";

const samples: Sample[] = Array.from({ length: 612 }, (_, value) => ({ name: `s/${value}`, value }));
const { signal } = new AbortController();

test("all samples are stored once, in order and in batches", async () => {
  const batches: (readonly Sample[])[] = [];
  const emit = async (batch: readonly Sample[]) => void batches.push(batch);
  assert.deepEqual(await emitAll({ emit }, samples, { signal }), []);
  assert.deepEqual(batches.flat(), samples);
  assert.deepEqual(
    batches.map(({ length }) => length),
    [250, 250, 112],
  );
});

test("only what can't be stored is left out, and told by name", async () => {
  const stored: Sample[] = [];
  const bad = new Set(["s/3", "s/300"]);
  const emit = async (batch: readonly Sample[]) => {
    if (batch.some(({ name }) => bad.has(name))) throw new UmecError("EMIT_INVALID", "too long");
    stored.push(...batch);
  };
  assert.deepEqual(
    (await emitAll({ emit }, samples, { signal })).map(({ message }) => message),
    ["s/3: too long", "s/300: too long"],
  );
  assert.deepEqual(
    stored,
    samples.filter(({ name }) => !bad.has(name)),
  );
});

test("every other error ends it", async () => {
  const emit = async () => {
    throw new UmecError("EMIT_REFUSED", "disk full");
  };
  await assert.rejects(emitAll({ emit }, samples, { signal }), { code: "EMIT_REFUSED" });
});
