import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import koffi from "koffi";
import { startDriver } from "../../runtime/plugin/testkit.ts";
import type { WatchReadable } from "../common/readable.ts";
import { createChardev } from "./chardev.ts";
import { createDriver } from "./driver.ts";
import type { EdgesSent, EdgesToSend } from "./pipe-edges.ts";
import { createPipeLines } from "./pipe-lines.ts";

/** poll(2) in a thread of Node's pool: the npm package epoll, which ships as sources, is not built for tests. */
const poll = koffi.load(null).func("int poll(_Inout_ void *fds, unsigned long count, int timeoutMs)");
const watchReadable: WatchReadable = (fd, listener) => {
  const pollIn = 1;
  const wanted = new Int32Array([fd, pollIn]);
  let ended = false;
  const again = (): void =>
    poll.async(wanted, 1, 20, (_error: unknown, ready: number) => {
      if (ended) return;
      if (ready > 0) listener();
      if (!ended) again();
    });
  again();
  return () => {
    ended = true;
  };
};

/** The driver on lines whose descriptor is a pipe of the kernel. */
async function start() {
  const directory = await mkdtemp(join(tmpdir(), "gpio-"));
  const pipe = join(directory, "edges");
  execFileSync("mkfifo", [pipe]);
  const lines = await createPipeLines({ pipe });
  const driver = createDriver(async () =>
    createChardev({ ...lines.system, watchReadable: async () => watchReadable }),
  );
  const run = startDriver(driver, {
    everyMs: 3_600_000,
    inputs: { wheel: { line: "gpiochip0:0", count: true } },
  });
  await run.samples(({ name }) => name === "wheel");
  return {
    run,
    pipe,
    wheel: () => run.emitted.filter(({ name }) => name === "wheel").slice(1),
    async [Symbol.asyncDispose]() {
      await run.stop();
      await lines[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

const sourcePath = join(import.meta.dirname, "pipe-edges.ts");
const flags = ["--disable-warning=ExperimentalWarning"];

/** Another process, so that what holds up the driver does not hold up the edges. */
async function source(edges: EdgesToSend): Promise<{ go(): void; done: Promise<EdgesSent> }> {
  const child = spawn(process.execPath, [...flags, sourcePath, JSON.stringify(edges)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const output: AsyncIterator<string> = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.equal((await output.next()).value, "ready");
  const last = async (): Promise<EdgesSent> => {
    const { value } = await output.next();
    if (child.exitCode === null) await once(child, "exit");
    return JSON.parse(value);
  };
  return { go: () => void child.stdin.end("\n"), done: last() };
}

test("5,000 edges a second for two seconds: each is told, and in order", async () => {
  await using it = await start();
  const count = 10_000;
  const edges = await source({ pipe: it.pipe, perS: 5000, count });
  edges.go();
  const sent = await edges.done;
  assert.ok(sent.tookMs < 2500, `the source itself took ${sent.tookMs} ms`);
  assert.deepEqual([sent.sent, sent.dropped], [count, 0]);
  await it.run.samples(({ name }) => name === "wheel", { count: count + 1, timeoutMs: 20_000 });
  const told = it.wheel();
  assert.equal(told.length, count);
  for (const [n, { value, quality, timeMs }] of told.entries()) {
    assert.deepEqual([value, quality], [n % 2 === 0, undefined], `edge ${n}`);
    assert.ok(n === 0 || timeMs! > told[n - 1]!.timeMs!, `edge ${n} is not after the one before`);
  }
  assert.equal(
    it.run.emitted.some(({ name }) => name === "wheel/lost"),
    false,
  );
  await it.run.stop();
  assert.deepEqual(it.run.state.get("counts"), { wheel: count / 2 });
});

test("a program that is held up for longer than the kernel's buffer lasts knows how many edges it lost", async () => {
  await using it = await start();
  // Nothing else runs here until the source has ended.
  const args = [...flags, sourcePath, JSON.stringify({ pipe: it.pipe, perS: 50_000, count: 3001 })];
  const [, line = ""] = execFileSync(process.execPath, args, { input: "\n", encoding: "utf8" }).split("\n");
  const { sent, dropped } = JSON.parse(line) as EdgesSent;
  assert.deepEqual([sent, dropped], [1024, 3001 - 1024]);
  const next = await source({ pipe: it.pipe, perS: 5000, count: 9, firstNumber: 3002 });
  next.go();
  assert.equal((await next.done).sent, 9);
  await it.run.samples(({ name }) => name === "wheel", { count: sent + 9 + 1, timeoutMs: 20_000 });
  const told = it.wheel();
  const doubtful = told.flatMap(({ quality }, n) => (quality === "uncertain" ? [n] : []));
  assert.deepEqual([told.length, doubtful], [sent + 9, [sent]]);
  assert.equal(it.run.emitted.findLast(({ name }) => name === "wheel/lost")?.value, dropped);
  await it.run.stop();
  assert.deepEqual(it.run.state.get("counts"), { wheel: (3001 + 9) / 2 });
});
