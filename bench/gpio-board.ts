/** Edges of gpio-sim, the kernel's own twin of a GPIO chip, on the image on QEMU's virt: `bench/gpio.ts --board`. */
import { Board, Hub } from "../qemu-tests/kit/index.ts";
import type { Bench } from "./kit/bench.ts";
import type { TableRow } from "./kit/report.ts";

const seconds = 10;
const ratesPerS = [50, 100, 250, 500, 1000, 2000, 3000, 5000];
const node = "lamp-0042";
const lines = { told: 0, counted: 1 };

/** In the guest: pulls a line up and down at a rate; tells how long it took and how many were due at once at most. */
const pull = `
const fs = require("fs");
const [path, perS, count] = process.argv.slice(2);
const fd = fs.openSync(path, "r+");
const words = ["pull-up", "pull-down"].map((word) => Buffer.from(word));
const cell = new Int32Array(new SharedArrayBuffer(4));
const start = performance.now();
for (let n = 0, burst = 0, most = 0; ; n++) {
  const due = start + (n * 1000) / perS;
  if (n == count) { console.log(JSON.stringify({ tookMs: performance.now() - start, most })); break; }
  if (performance.now() < due) burst = 0;
  for (let left; (left = due - performance.now()) > 0; ) Atomics.wait(cell, 0, 0, left);
  most = Math.max(most, ++burst);
  fs.writeSync(fd, words[n % 2], 0, words[n % 2].length, 0);
}`;

/**
 * Each line is pulled up and down by a program in the guest, so the interrupt, the kernel's buffer and its numbers are
 * real. An edge of the same line that comes before the interrupt's thread has run becomes one with the one before: such
 * ones are missing in the count, and those that the kernel or the driver dropped are in \`lost\`.
 */
export async function measureBoard(bench: Bench): Promise<TableRow[]> {
  const inputs = {
    told: { line: `bench:${lines.told}`, count: true },
    counted: { line: `bench:${lines.counted}`, count: true, report: false },
  };
  const io = { driver: "gpio", options: { everyMs: 1000, inputs } };
  await using hub = await Hub.start({ nodes: [node] });
  await using board = await Board.boot({
    machine: "virt",
    hub,
    node,
    target: { plugins: { io } },
    debugShell: true,
    signal: bench.signal,
  });

  async function sh(command: string): Promise<string> {
    const { output, status } = await board.sh(command, { timeoutMs: 180_000, signal: bench.signal });
    if (status !== 0) throw new Error(`${command}: ${output}`);
    return output;
  }
  async function total(name: string, wanted: number, fromMs: number): Promise<number> {
    let last = Number.NaN;
    const signal = AbortSignal.any([bench.signal, AbortSignal.timeout(20_000)]);
    const query = { node, plugin: "io", name, storedFromMs: fromMs, signal };
    for await (const { value } of hub.follow(query)) {
      last = Number(value);
      if (last >= wanted) break;
    }
    bench.signal.throwIfAborted();
    return last;
  }

  bench.progress("the board starts");
  // What is typed before there is a shell can block the console's receiver for good.
  await board.console.expect("umec: debug shell", { timeoutMs: 300_000, signal: bench.signal });
  bench.progress("a chip of gpio-sim");
  await sh(
    "modprobe gpio-sim && { mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config; }",
  );
  const config = "/sys/kernel/config/gpio-sim/bench";
  await sh(`mkdir -p ${config}/bank && echo 8 >${config}/bank/num_lines && echo bench >${config}/bank/label`);
  await sh(`echo 1 >${config}/live`);
  await sh(`printf %s '${pull}' >/run/pull.cjs`);
  const device = await sh(
    `echo /sys/devices/platform/$(cat ${config}/dev_name)/$(cat ${config}/bank/chip_name)`,
  );
  await hub.sample({ node, plugin: "io", name: "told/count", timeoutMs: 180_000, signal: bench.signal });

  const rows: TableRow[] = [];
  for (const [name, line] of Object.entries(lines)) {
    let [pulses, lostBefore] = [0, 0];
    for (const perS of bench.quick ? ratesPerS.slice(0, 2) : ratesPerS) {
      bench.progress(`on the board: ${perS} edges a second, ${name}`);
      const count = perS * seconds;
      const fromMs = Date.now();
      const said = await sh(
        `$(dirname $(readlink -f /usr/bin/umec))/../lib/node /run/pull.cjs ${device}/sim_gpio${line}/pull ${perS} ${count}`,
      );
      const { tookMs, most } = JSON.parse(said) as { tookMs: number; most: number };
      const counted = (await total(`${name}/count`, pulses + count / 2, fromMs)) - pulses;
      const losses = await hub.samples({ node, plugin: "io", name: `${name}/lost` });
      const lost = Number(losses.at(-1)?.value ?? 0);
      rows.push({
        edges: name,
        "edges/s": perS,
        "of them reached": Math.round((count * 1000) / tookMs),
        "largest burst": most,
        pulses: count / 2,
        counted,
        "known to be lost": lost - lostBefore,
      });
      [pulses, lostBefore] = [pulses + counted, lost];
      if (counted < count / 2 || lost > 0) break;
    }
  }
  return rows;
}
