import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../test-scratch.ts";
import { cardFileBytes, markTaken, readCardFile } from "./card-file.ts";
import { full } from "./test-card.ts";

const scratch = createScratch();

test("a card's file is blank, new, or taken over, and keeps its length", async () => {
  const path = join(await scratch(), "umec.json");
  for (const blank of [
    "",
    "\n",
    " \r\n".repeat(100),
    "\ufeff",
    "\0".repeat(4096),
    " ".repeat(cardFileBytes),
  ]) {
    await writeFile(path, blank);
    assert.deepEqual(await readCardFile(path), { kind: "blank" }, JSON.stringify(blank));
  }
  const text = JSON.stringify(full);
  await writeFile(path, text.padEnd(cardFileBytes, " "));
  assert.deepEqual(await readCardFile(path), { kind: "new", text });
  await markTaken(path, "lamp-0042");
  assert.deepEqual(await readCardFile(path), { kind: "taken", node: "lamp-0042", torn: false });
  assert.equal((await stat(path)).size, cardFileBytes);
  assert.match(await readFile(path, "utf8"), /^\{"commissioned":"lamp-0042"\}\s*$/);
});

test("a file that an editor made short, or began with a mark, is taken over as well", async () => {
  const path = join(await scratch(), "umec.json");
  for (const text of ['{"node":"a"}', `{"node":"a"}${" ".repeat(600)}`]) {
    await writeFile(path, `\ufeff${text}`);
    assert.deepEqual(await readCardFile(path), { kind: "new", text: '{"node":"a"}' });
    await markTaken(path, "a");
    assert.deepEqual(await readCardFile(path), { kind: "taken", node: "a", torn: false });
  }
});

test("a power cut while it is overwritten leaves the old content, or one that says whose it was", async () => {
  const dir = await scratch();
  const [path, whole] = [join(dir, "umec.json"), join(dir, "whole.json")];
  const text = JSON.stringify({ ...full, target: { plugins: {} }, ssh: Array(200).fill(full.ssh[0]) });
  const before = Buffer.from(text.padEnd(cardFileBytes, " "));
  await writeFile(whole, before);
  await markTaken(whole, "lamp-0042");
  const after = await readFile(whole);
  // Sector by sector, as it reaches the card.
  for (const sectors of [0, 1, 2, 5, 20, 127]) {
    await writeFile(path, Buffer.concat([after.subarray(0, sectors * 512), before.subarray(sectors * 512)]));
    const state = await readCardFile(path);
    if (sectors === 0) assert.deepEqual(state, { kind: "new", text });
    else assert.deepEqual(state, { kind: "taken", node: "lamp-0042", torn: sectors * 512 < text.length });
    if (state.kind === "taken") await markTaken(path, state.node);
    if (state.kind === "taken") assert.deepEqual(await readFile(path), after);
  }
  // The rest is written in any order, but after the first sector.
  await writeFile(
    path,
    Buffer.concat([after.subarray(0, 512), before.subarray(512, 1024), after.subarray(1024)]),
  );
  assert.deepEqual(await readCardFile(path), { kind: "taken", node: "lamp-0042", torn: true });
});
