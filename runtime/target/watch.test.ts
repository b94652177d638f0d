import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isUmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import { watchTarget } from "./watch.ts";

async function following(t: TestContext, first: string | undefined, maxBytes = 1000) {
  const directory = await mkdtemp(join(tmpdir(), "umec-watch-"));
  const stop = new AbortController();
  t.after(async () => {
    stop.abort();
    await rm(directory, { recursive: true });
  });
  const file = join(directory, "node.yaml");
  if (first !== undefined) await writeFile(file, first);

  const seen: string[] = [];
  let wake = () => {};
  const see = (what: string) => {
    seen.push(what);
    wake();
  };
  /** What is seen next; waits for it. */
  const next = async () => {
    while (seen.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return seen.shift();
  };
  await watchTarget(file, {
    onChange: see,
    onFault: ({ code }) => see(code),
    log: silentLog,
    signal: stop.signal,
    settleMs: 20,
    maxBytes,
  });
  return { directory, file, seen, next, stop };
}

test("the first text is given at once", async (t) => {
  const { seen } = await following(t, "node: a\n");
  assert.deepEqual(seen, ["node: a\n"]);
});

test("a file replaced by rename is followed, again and again", async (t) => {
  const { directory, file, next } = await following(t, "node: a\n");
  await next();
  for (const text of ["node: b\n", "node: c\n"]) {
    await writeFile(join(directory, ".node.yaml.swp"), text);
    await rename(join(directory, ".node.yaml.swp"), file);
    assert.equal(await next(), text);
  }
});

test("a write in place is followed; the last text is the whole one", async (t) => {
  const { file, next } = await following(t, "node: a\n");
  await next();
  const text = `node: b\n#${"x".repeat(900)}\n`;
  await writeFile(file, text);
  let last = await next();
  while (last !== text) last = await next();
});

test("a deleted file is a fault, not an empty text, and its return is seen", async (t) => {
  const { file, next } = await following(t, "node: a\n");
  await next();
  await rm(file);
  assert.equal(await next(), "TARGET_MISSING");
  await writeFile(file, "node: a\n");
  let last = await next();
  while (last !== "node: a\n") last = await next();
});

test("a file that is missing from the start is a fault at once", async (t) => {
  const { file, seen, next } = await following(t, undefined);
  assert.deepEqual(seen, ["TARGET_MISSING"]);
  await next();
  await writeFile(`${file}.new`, "node: a\n");
  await rename(`${file}.new`, file);
  assert.equal(await next(), "node: a\n");
});

test("a file that is too large or no UTF-8 is a fault", async (t) => {
  const { directory, file, next } = await following(t, "#".repeat(1001));
  assert.equal(await next(), "TARGET_UNREADABLE");
  await writeFile(join(directory, "new"), "node: a\n");
  await rename(join(directory, "new"), file);
  assert.equal(await next(), "node: a\n");
  await writeFile(join(directory, "new"), Buffer.from([0x6e, 0xff, 0xfe]));
  await rename(join(directory, "new"), file);
  assert.equal(await next(), "TARGET_UNREADABLE");
});

test("a file rewritten with the same text and other files are kept back", async (t) => {
  const { directory, file, next } = await following(t, "node: a\n");
  await next();
  await writeFile(join(directory, "other.yaml"), "node: x\n");
  await writeFile(join(directory, "new"), "node: a\n");
  await rename(join(directory, "new"), file);
  await writeFile(join(directory, "new"), "node: b\n");
  await rename(join(directory, "new"), file);
  assert.equal(await next(), "node: b\n");
});

test("a directory that is not there can't be watched", async () => {
  const missing = join(tmpdir(), "umec-watch-missing", "node.yaml");
  const watching = watchTarget(missing, {
    onChange: () => {},
    onFault: () => {},
    log: silentLog,
    signal: new AbortController().signal,
  });
  await assert.rejects(watching, (error) => isUmecError(error, "TARGET_UNWATCHABLE"));
});
