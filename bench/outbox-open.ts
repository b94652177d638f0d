/**
 * Opening an outbox with millions of waiting rows, each time in a process of its own: after a close, and after a
 * kill -9 in the middle of commits. The file is in the page cache, as it is after a restart of the program; after
 * a reboot the pages that opening reads come from the disk, and it reads few.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { silentLog } from "../runtime/log.ts";
import { Outbox } from "../runtime/outbox/outbox.ts";
import type { Bench } from "./kit/bench.ts";
import { median, spread } from "./kit/figures.ts";
import { describeMachine } from "./kit/machine.ts";
import type { Report } from "./kit/report.ts";
import { createPacks } from "./kit/samples.ts";
import { systemClock } from "./outbox-stores.ts";

type Job = "open" | "append";
const goalMs = 1000;
const batch = 5000;
const plugins = 5;

function open(path: string): Promise<Outbox> {
  return Outbox.open({
    path,
    quotaBytes: 8 * 2 ** 30,
    commitBytes: 2 ** 20,
    clock: systemClock,
    log: silentLog,
  });
}

async function append(outbox: Outbox, packs: readonly Uint8Array[], count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      outbox.append({
        plugin: `meter-${i % plugins}`,
        lane: "telemetry",
        time: { unixMs: 1_790_000_000_000 + i },
        samples: 1,
        records: packs[i % packs.length]!,
      }),
    ),
  );
}

export async function measureOpening(bench: Bench): Promise<Report> {
  const rows = bench.quick ? 200_000 : 10_000_000;
  const rounds = bench.quick ? 1 : 3;
  const path = join(bench.dir, "outbox.db");
  const fillS = await fill(bench, path, rows);
  const afterClose: number[] = [];
  const afterKill: number[] = [];
  let waiting = 0;
  for (let i = 0; i < rounds; i++) {
    bench.progress(`opening after a close, round ${i + 1}`);
    const closed = await runJob(bench, "open", path);
    afterClose.push(closed.tookMs);
    bench.progress(`opening after kill -9, round ${i + 1}`);
    await runJob(bench, "append", path);
    const killed = await runJob(bench, "open", path);
    afterKill.push(killed.tookMs);
    waiting = killed.waitingRows;
    if (waiting <= rows)
      throw new Error(`${waiting} rows wait after the kill, more than ${rows} were stored`);
  }
  const worst = Math.max(...afterClose, ...afterKill);
  return {
    tables: [
      {
        title: `Opening with ${rows.toLocaleString("en")} waiting rows: ${await describeMachine()}`,
        rows: [
          {
            "fill rows/s": Math.round(rows / fillS),
            "file MiB": Math.round(statSync(path).size / 2 ** 20),
            "open ms": spread(afterClose),
            "open ms after kill -9": spread(afterKill),
            "rows then": waiting,
          },
        ],
      },
    ],
    goals: [
      {
        goal: `< ${goalMs} ms`,
        measured: `${Math.round(median([...afterClose, ...afterKill]))} ms, worst ${Math.round(worst)} ms`,
        met: worst < goalMs,
      },
    ],
  };
}

async function fill(bench: Bench, path: string, rows: number): Promise<number> {
  const packs = createPacks("meter1", 1, 1000, 1);
  const outbox = await open(path);
  const began = performance.now();
  try {
    // Two batches overlap, so that the disk does not wait for us.
    let earlier = Promise.resolve();
    for (let done = 0; done < rows; done += batch) {
      bench.signal.throwIfAborted();
      bench.progress(`filling: ${done.toLocaleString("en")} rows`);
      const next = append(outbox, packs, Math.min(batch, rows - done));
      await earlier;
      earlier = next;
    }
    await earlier;
    return (performance.now() - began) / 1000;
  } finally {
    await outbox.close();
  }
}

interface Result {
  tookMs: number;
  waitingRows: number;
}

/** Runs a job in a process of its own; an `append` is killed once it has stored something. */
async function runJob(bench: Bench, job: Job, path: string): Promise<Result> {
  bench.signal.throwIfAborted();
  const child = fork(import.meta.filename, {
    env: { ...process.env, BENCH_OUTBOX_JOB: job, BENCH_OUTBOX_PATH: path },
  });
  const exited = once(child, "exit");
  bench.defer(() => child.kill("SIGKILL"));
  const [result] = (await Promise.race([once(child, "message"), exited])) as [Result | number];
  if (typeof result !== "object") throw new Error(`the process that should ${job} ended with ${result}`);
  if (job === "append") child.kill("SIGKILL");
  await exited;
  return result;
}

async function work(job: Job, path: string): Promise<void> {
  const began = performance.now();
  const outbox = await open(path);
  const result: Result = { tookMs: performance.now() - began, waitingRows: outbox.stats().waitingRows };
  if (job === "open") {
    await outbox.close();
    process.send?.(result, () => process.disconnect());
    return;
  }
  const packs = createPacks("meter1", 2, 1000, 1);
  await append(outbox, packs, batch);
  process.send?.(result);
  for (;;) await append(outbox, packs, batch);
}

const job = process.env.BENCH_OUTBOX_JOB as Job | undefined;
if (job) await work(job, process.env.BENCH_OUTBOX_PATH ?? "");
