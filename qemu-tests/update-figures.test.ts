import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createCounter } from "./counter.ts";
import { Board, Hub } from "./kit/index.ts";
import { otaBundle, serveFile } from "./kit/ota-bundle.ts";

const node = "lamp-0042";
const umec = fileURLToPath(new URL("../node_modules/.bin/umec", import.meta.url));
/** Writes what memory is left, each second, until it is killed. */
const watchMemory = `while :; do while read k v u; do [ "$k" = MemAvailable: ] && echo $v; done </proc/meminfo; sleep 1; done >/tmp/memory & echo $! >/tmp/memory.pid`;

/** Figures for README.md, by `npm run qemu:update`. */
test("what a whole update takes, over the link and as RAUC alone would do it over HTTP (virt)", {
  skip: process.env.UMEC_ALL !== "1",
  timeout: 1_800_000,
}, async (t) => {
  await using undo = new AsyncDisposableStack();
  const outDir = await mkdtemp(join(tmpdir(), "umec-figures-"));
  undo.defer(() => rm(outDir, { recursive: true, force: true }));
  const bundle = (version: string) => otaBundle({ machine: "virt", version, outDir });
  const [first, second] = [await bundle("90.0.0"), await bundle("90.1.0")];
  await using hub = await Hub.start({ nodes: [node] });
  const counter = createCounter("virt");
  const target = { plugins: counter.plugins, update: { rateBytesPerS: "32MiB", automatic: false } };
  const devices = [counter.line];
  const card = { machine: "virt", hub, node, target, devices, cardBytes: 2 ** 30 } as const;
  await using board = await Board.boot({ ...card, debugShell: true });
  const sh = async (command: string) => (await board.sh(command, { timeoutMs: 900_000 })).output;
  const good = () => board.console.expect("the booted slot is good", { timeoutMs: 300_000 });
  const series = { node, plugin: "line", name: "counter/count" };

  /** Installs, restarts, and tells what it took. */
  async function measure(what: string, install: () => Promise<unknown>): Promise<void> {
    await sh(watchMemory);
    const beganMs = Date.now();
    const began = performance.now();
    await install();
    const installed = performance.now();
    const memory = (await sh("kill $(cat /tmp/memory.pid); cat /tmp/memory"))
      .split(/\s+/)
      .filter(Boolean)
      .map(Number);
    const rebooted = once(board, "reboot");
    board.console.write("systemctl reboot\n");
    await rebooted;
    await good();
    const end = performance.now();
    const after = counter.count;
    await hub.sample({ ...series, where: ({ value }) => Number(value) > after, timeoutMs: 180_000 });
    const since = (await hub.samples(series)).filter(({ storedAtMs }) => storedAtMs >= beganMs);
    const times = since.map(({ timeMs }) => timeMs).toSorted((a, b) => a - b);
    const gap = Math.max(...times.slice(1).map((time, i) => time - times[i]!));
    const most = (memory[0]! - Math.min(...memory)) / 1000;
    t.diagnostic(
      `${what}: ${s(installed - began)} s until it is installed, ${s(end - installed)} s until it is good; ` +
        `${s(gap)} s between two samples; ${most.toFixed(0)} MB of memory at most`,
    );
  }

  await good();
  await measure("over the link", async () => {
    const at = ["--url", hub.clientUrl, "--creds", hub.fleetCredentials];
    await promisify(execFile)(umec, ["ota", "push", ...at, first, "--to", node]);
    // To ask the board again and again would take it the time that is measured.
    await hub.sample({ node, plugin: "update", name: "installed", lane: "alarm", timeoutMs: 900_000 });
  });
  assert.match(await sh("cat /proc/cmdline"), /umec\.version=90\.0\.0/);
  await measure("RAUC, streaming over HTTP", async () => {
    await using served = await serveFile(board.network, second);
    // Its bus is not started before somebody needs it.
    const { output, status } = await board.sh(
      `systemctl start dbus.socket; modprobe nbd; rauc install ${served.url}b.raucb`,
      { timeoutMs: 900_000 },
    );
    assert.equal(status, 0, output);
  });
  assert.match(await sh("cat /proc/cmdline"), /umec\.version=90\.1\.0/);
});

function s(ms: number): string {
  return (ms / 1000).toFixed(1);
}
