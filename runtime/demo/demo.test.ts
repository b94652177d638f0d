import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { type TestOptions, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Sum } from "./tally.ts";

const program = fileURLToPath(new URL("../cli/umec.ts", import.meta.url));

const limit: TestOptions = { timeout: 90_000 };

interface Demo extends AsyncDisposable {
  child: ChildProcess;
  /** Resolves at the first line of progress that has `part` in it. */
  progress(part: string): Promise<void>;
  end(): Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** Command lines of processes that it started and that run. */
  processes(): Promise<string[]>;
  /** What it left in its folder for temporary files. */
  files(): Promise<string[]>;
}

/** The program itself, with a folder for temporary files of its own. */
async function startDemo(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Demo> {
  const dir = await mkdtemp(join(tmpdir(), "demo-test-"));
  const child = spawn(process.execPath, [program, "demo", "--json", ...args], {
    env: { ...process.env, ...env, TMPDIR: dir },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stdout = text(child.stdout!);
  const lines: string[] = [];
  const read = createInterface({ input: child.stderr! });
  read.on("line", (line) => lines.push(line));
  const closed = once(child, "close");
  const processes = async () => {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const all = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
    );
    return all.filter((line) => line.includes(dir));
  };
  return {
    child,
    processes,
    async progress(part) {
      while (!lines.some((line) => line.includes(part))) {
        await Promise.race([once(read, "line"), closed]);
        assert.equal(child.exitCode, null, lines.join("\n"));
      }
    },
    async end() {
      const [code] = await closed;
      return { code, stdout: await stdout, stderr: lines.join("\n") };
    },
    files: () => readdir(dir),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function assertNothingLeft(demo: Demo): Promise<void> {
  assert.deepEqual(await demo.processes(), []);
  assert.deepEqual(await demo.files(), []);
}

function sumOf(stdout: string): Sum {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
}

async function assertKept(demo: Demo): Promise<Sum> {
  const { code, stdout, stderr } = await demo.end();
  assert.equal(code, 0, stderr);
  const sum = sumOf(stdout);
  assert.deepEqual([sum.lost, sum.twice, sum.outOfOrder, sum.otherFaults], [0, 0, 0, 0]);
  assert.ok(sum.stored > 0);
  assert.equal(sum.stored, sum.durable);
  assert.equal(sum.durable, sum.emitted);
  const { before, during, after } = sum.latencyMs;
  assert.equal(before.samples + during.samples + after.samples, sum.stored);
  await assertNothingLeft(demo);
  return sum;
}

test(
  "two demos side by side keep every sample through an outage and leave nothing behind",
  limit,
  async () => {
    const args = ["--seconds", "8"];
    await using first = await startDemo(args);
    await using second = await startDemo(args);
    for (const { outages, outageMs, latencyMs } of await Promise.all([first, second].map(assertKept))) {
      assert.equal(outages, 1);
      // Cut for two seconds; a busy machine may take its time to come back.
      assert.ok(outageMs >= 2_000 && outageMs < 8_000, `${outageMs} ms`);
      for (const { samples, p50, p99 } of Object.values(latencyMs)) {
        assert.ok(samples > 0 && p50! > 0 && p99! >= p50!, JSON.stringify(latencyMs));
      }
    }
  },
);

test("interrupted in the middle of the outage it still counts every sample", limit, async () => {
  await using demo = await startDemo(["--seconds", "10"]);
  await demo.progress("The link to the hub is cut");
  demo.child.kill("SIGINT");
  const sum = await assertKept(demo);
  assert.equal(sum.outages, 1);
  assert.ok(sum.outageMs > 0);
});

test("interrupted twice it ends at once, without a sum and with nothing left", limit, async () => {
  await using demo = await startDemo(["--seconds", "60"]);
  await demo.progress("All is well");
  // Hub, node, and a nats-server of each.
  assert.equal((await demo.processes()).length, 4);
  demo.child.kill("SIGINT");
  await demo.progress("The devices fall silent");
  demo.child.kill("SIGINT");
  const { code, stdout } = await demo.end();
  assert.equal(code, 130);
  assert.equal(stdout, "");
  // A killed process is gone once its parent, init by then, has taken note.
  while ((await demo.processes()).length > 0) await nextTurn();
  assert.deepEqual(await demo.files(), []);
});

test("interrupted during the set-up it takes down what stands already", limit, async () => {
  await using demo = await startDemo([]);
  await demo.progress("starting the node");
  demo.child.kill("SIGINT");
  const { code, stdout } = await demo.end();
  assert.equal(code, 130);
  assert.equal(stdout, "");
  await assertNothingLeft(demo);
});

test("a hub that dies is told of, and the rest is taken down", limit, async () => {
  await using demo = await startDemo(["--seconds", "60"]);
  await demo.progress("All is well");
  const hub = (await pidsOf(demo.child.pid!)).find(({ args }) => args.includes("hub"));
  process.kill(hub!.pid, "SIGKILL");
  const { code, stdout, stderr } = await demo.end();
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /umec: umec hub was ended by SIGKILL/);
  await assertNothingLeft(demo);
});

test("a set-up that fails half-way leaves nothing behind and says why", limit, async () => {
  await using demo = await startDemo([], { UMEC_NATS_SERVER: "/nonexistent/nats-server" });
  const { code, stdout, stderr } = await demo.end();
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /UMEC_NATS_SERVER names \/nonexistent\/nats-server/);
  await assertNothingLeft(demo);
});

test("a time that is none is refused before anything is started", limit, async () => {
  await using demo = await startDemo(["--seconds", "soon"]);
  const { code, stderr } = await demo.end();
  assert.equal(code, 2);
  assert.match(stderr, /Write a number of seconds/);
});

async function pidsOf(parent: number): Promise<{ pid: number; args: string[] }[]> {
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, "utf8");
  const pids = children.split(" ").filter(Boolean).map(Number);
  return Promise.all(
    pids.map(async (pid) => ({ pid, args: (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0") })),
  );
}
