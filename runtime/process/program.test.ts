import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { type ProgramOptions, runProgram } from "./program.ts";

/** A script of shell under supervision. */
function start(script: string, options: Partial<ProgramOptions> = {}) {
  const lines: string[] = [];
  const ended = new AbortController();
  let pid = 0;
  const heard = Promise.withResolvers<void>();
  const done = runProgram({
    argv: ["/bin/sh", "-c", script],
    cwd: tmpdir(),
    env: { PATH: process.env.PATH, WORD: "hello" },
    signal: ended.signal,
    graceMs: 200,
    onLine: (line, from) => {
      lines.push(`${from}: ${line}`);
      heard.resolve();
    },
    onLeftOut: () => {},
    onStart: (started) => {
      pid = started;
    },
    ...options,
  });
  done.catch(() => {});
  return { lines, done, heard: heard.promise, stop: () => ended.abort(), pid: () => pid };
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a program that ends unasked is told with how it ended; its output was heard", async () => {
  const run = start('echo "$WORD $HOME"; echo oh >&2; exit 3');
  await assert.rejects(run.done, { code: "PROCESS_ENDED", message: /ended with code 3/ });
  const killed = start("kill -9 $$");
  await assert.rejects(killed.done, { code: "PROCESS_ENDED", message: /SIGKILL/ });
  await run.heard;
  assert.ok(run.lines.includes("stdout: hello "), run.lines.join());
});

test("a program that is not there is told so", async () => {
  await assert.rejects(start("", { argv: ["/nowhere/prog"] }).done, {
    code: "PROCESS_START",
    message: /ENOENT/,
  });
  await assert.rejects(start("", { argv: ["/bin/sh\0x"] }).done, { code: "PROCESS_START" });
});

test("SIGTERM lets a program end by itself", async () => {
  const run = start("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.02; done", {
    graceMs: 5_000,
  });
  await run.heard;
  const startMs = performance.now();
  run.stop();
  await run.done;
  assert.ok(performance.now() - startMs < 4_000);
});

test("a program that ignores SIGTERM is killed, with all that it has started", async () => {
  const run = start(
    "trap '' TERM; (trap '' TERM; echo $BASHPID; sleep 100) & echo child $!; wait; sleep 100",
  );
  await run.heard;
  const child = Number(/child (\d+)/.exec(run.lines.join())?.[1]);
  run.stop();
  await run.done;
  assert.ok(!lives(run.pid()));
  const deadline = performance.now() + 5_000;
  while (child > 0 && isRunning(child)) {
    assert.ok(performance.now() < deadline);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

/** An orphan that was killed may stay as a zombie where nobody reaps it. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("its standard input ends when the runtime lets go of it", async () => {
  const run = start("cat; echo gone");
  assert.ok(run.pid() > 0);
  run.stop();
  await run.done;
});
