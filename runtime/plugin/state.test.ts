import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Log } from "../log.ts";
import { silentLog } from "../log.ts";
import { createScratch } from "../test-scratch.ts";
import { openState } from "./state.ts";
import { type LogLine, recordingLog } from "./testkit.ts";

const scratch = createScratch();

async function place(): Promise<{ dir: string; file: string }> {
  const dir = join(await scratch(), "plugins", "meter");
  return { dir, file: join(dir, "state.json") };
}

function heard(): { log: Log; lines: LogLine[] } {
  const lines: LogLine[] = [];
  return { lines, log: recordingLog((line) => lines.push(line)) };
}

test("what was set is there after a restart, in a file of its owner's alone", async () => {
  const { dir, file } = await place();
  const state = await openState({ dir, log: silentLog });
  assert.equal(state.get("total"), undefined);
  await state.set("total", 1234.5);
  await state.set("__proto__", { polluted: true });
  await state.set("since", { boot: "b", pulses: [1, 2] });

  const again = await openState({ dir, log: silentLog });
  assert.equal(again.get("total"), 1234.5);
  assert.deepEqual(again.get("since"), { boot: "b", pulses: [1, 2] });
  assert.deepEqual(again.get("__proto__"), { polluted: true });
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(dir)).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(dir), ["state.json"]);
});

test("a value that its giver or taker changes later is kept as it was", async () => {
  const state = await openState({ dir: (await place()).dir, log: silentLog });
  const list = [1];
  await state.set("list", list);
  list.push(2);
  (state.get("list") as number[]).push(3);
  assert.deepEqual(state.get("list"), [1]);
});

test("sets during a write share the next one, and what changes nothing is not written", async () => {
  const { dir } = await place();
  const written: string[] = [];
  const gate = Promise.withResolvers<void>();
  const state = await openState({
    dir,
    log: silentLog,
    write: async (_path, text) => {
      written.push(text);
      if (written.length === 1) await gate.promise;
    },
  });
  const first = state.set("n", 0);
  const begun = Promise.resolve().then(() => Promise.resolve());
  await begun;
  const others = Array.from({ length: 100 }, (_, n) => state.set("n", n + 1));
  gate.resolve();
  await Promise.all([first, ...others]);
  assert.equal(written.length, 2);
  assert.match(written[1]!, /"n":100/);
  await state.set("n", 100);
  assert.equal(written.length, 2);
});

for (const [what, damage] of [
  ["torn", (text: string) => text.slice(0, text.length / 2)],
  ["empty", () => ""],
  ["with a flipped bit", (text: string) => text.replace("1234", "1235")],
  ["of a newer version", (text: string) => text.replace('"version":1', '"version":2')],
  ["no object", () => "null"],
] as const) {
  test(`a file that is ${what} is set aside, said once, and the plugin begins without values`, async () => {
    const { dir, file } = await place();
    await (await openState({ dir, log: silentLog })).set("total", 1234);
    const damaged = damage(await readFile(file, "utf8"));
    await writeFile(file, damaged);

    const { log, lines } = heard();
    const state = await openState({ dir, log });
    assert.equal(state.get("total"), undefined);
    assert.deepEqual(
      lines.map(({ level }) => level),
      ["error"],
    );
    assert.match(lines[0]!.message, /state\.json/);
    assert.equal(await readFile(`${file}.damaged`, "utf8"), damaged);
    await state.set("total", 1);
    await openState({ dir, log });
    assert.equal(lines.length, 1);
  });
}

test("a draft that a power cut left behind is no obstacle", async () => {
  const { dir, file } = await place();
  await (await openState({ dir, log: silentLog })).set("total", 1);
  await writeFile(`${file}.new`, '{"versi');
  const state = await openState({ dir, log: silentLog });
  await state.set("total", 2);
  assert.equal((await openState({ dir, log: silentLog })).get("total"), 2);
});

test("what is no JSON, or too much, is refused and changes nothing", async () => {
  const state = await openState({ dir: (await place()).dir, log: silentLog });
  await state.set("total", 1);
  for (const value of [undefined, Number.NaN, { deep: [Number.POSITIVE_INFINITY] }, 1n, () => {}]) {
    await assert.rejects(state.set("total", value), { code: "STATE_INVALID" });
  }
  await assert.rejects(state.set("", 1), { code: "STATE_INVALID" });
  await assert.rejects(state.set("total", "x".repeat(65_536)), { code: "STATE_INVALID", message: /65536/ });
  assert.equal(state.get("total"), 1);
  await state.set("text", "x".repeat(60_000));
});

test("a disk that fails is told to the caller, and the next set tries again", async () => {
  const { dir } = await place();
  let broken = true;
  const written: string[] = [];
  const state = await openState({
    dir,
    log: silentLog,
    write: async (_path, text) => {
      if (broken) throw new Error("EIO: i/o error");
      written.push(text);
    },
  });
  await assert.rejects(state.set("total", 1), { code: "STATE_FAILED", message: /EIO/ });
  broken = false;
  await state.set("other", 2);
  assert.match(written[0]!, /"total":1,"other":2/);
});
