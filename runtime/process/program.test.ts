import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { UmecError } from "../errors.ts";
import { isRunning } from "../test-process.ts";
import { handOverCode, type LeftProgram, type ProgramOptions, runProgram } from "./program.ts";

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

test("its standard input ends when the runtime lets go of it", async () => {
  const run = start("cat; echo gone");
  assert.ok(run.pid() > 0);
  run.stop();
  await run.done;
});

test("one that runs already is heard and watched over; it is ended also by a signal that was there before", async () => {
  const adopt = (script: string) => {
    const child = spawn("/bin/sh", ["-c", script], { detached: true });
    const ended = once(child, "exit").then(([code, by]) => `by ${by ?? code}`);
    const { pid, stdin, stdout, stderr } = child;
    return { pid: pid!, stdin, stdout, stderr, ended };
  };
  const first = adopt("read -r _; echo late; exit 4");
  const run = start("", { adopted: first });
  first.stdin.end("\n");
  await assert.rejects(run.done, { code: "PROCESS_ENDED", message: /by 4/ });
  await run.heard;
  assert.deepEqual(run.lines, ["stdout: late"]);
  const adopted = adopt("exec sleep 1000");
  await start("", { adopted, signal: AbortSignal.abort() }).done;
  assert.equal(await adopted.ended, "by SIGTERM");
});

test("one that is left runs on; where it can't be left it is ended", async () => {
  for (const may of [true, false]) {
    const left = new AbortController();
    const heard: LeftProgram[] = [];
    const run = start("echo ready; printf half; exec sleep 1000", {
      signal: left.signal,
      onLeft: (program) => {
        heard.push(program);
        return may;
      },
    });
    await run.heard;
    left.abort(new UmecError(handOverCode, "others take over"));
    await run.done;
    assert.deepEqual([heard.map(({ pid }) => pid), lives(run.pid())], [[run.pid()], may]);
    if (may) process.kill(-run.pid(), "SIGKILL");
  }
});
