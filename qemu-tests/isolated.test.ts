import assert from "node:assert/strict";
import type { PluginStatus } from "../runtime/plugin/status.ts";
import { createCounter } from "./counter.ts";
import { guestNames } from "./kit/devices/guest-names.ts";
import { i2cBus } from "./kit/devices/i2c/attachment.ts";
import { Board, Hub } from "./kit/index.ts";
import { fastest, onEachBoard } from "./machines.ts";

const groups = "/sys/fs/cgroup/system.slice/umec.service";
const mib = 2 ** 20;
const systemIntervalMs = 2000;

/** A program of the shell that writes into its directory which of the devices it could open, and waits to be let go. */
function program(devices: readonly string[], then: string): string[] {
  const look = `for d in ${devices.join(" ")}; do (exec 3<>$d) 2>/dev/null && echo $d; done >said`;
  return ["/bin/sh", "-c", `${look}; until [ -e go ]; do sleep 1; done; rm go; ${then}`];
}

/** Doubles a word for ever. */
const eat = "x=0123456789; while :; do x=$x$x; done";
/** The inner shell ends when it can't fork; what it has started stays. */
const multiply = "(i=0; while [ $i -lt 200 ]; do sleep 10000 & i=$((i+1)); done); exec sleep 10000";

onEachBoard(
  "a plugin in a process of its own is kept to its limits, and harms nobody",
  async (machine) => {
    const counter = createCounter(machine);
    const { gpioChip, i2c } = guestNames[machine];
    const both = [gpioChip, i2c];
    const line = { ...(counter.plugins.line as object), isolate: "process", memoryBytes: "128MiB" };
    await using hub = await Hub.start({ nodes: ["lamp-0042"] });
    await using board = await Board.boot({
      machine,
      hub,
      node: "lamp-0042",
      target: {
        plugins: {
          line: { ...line, cpuPercent: 80, devices: [guestNames[machine].serial] },
          board: { driver: "system", options: { intervalMs: systemIntervalMs } },
          eater: { exec: program(both, eat), memoryBytes: "32MiB", cpuPercent: 50, devices: [gpioChip] },
          many: { exec: program(both, multiply) },
        },
      },
      devices: [counter.line, i2cBus({ chips: { t0: { model: "tmp105" } } })],
      debugShell: true,
    });
    const sh = async (command: string) => (await board.sh(command, { timeoutMs: 120_000 })).output;
    const plugins = async () => {
      const { plugins } = JSON.parse(await sh("umec status /data/umec/node.yaml --json"));
      return Object.fromEntries((plugins as PluginStatus[]).map((one) => [one.name, one]));
    };
    const read = async (file: string) => (await sh(`cat ${groups}/${file}`)).trim();
    /** Ends a plugin by `command`; resolves when it is started again: each start makes its group anew. */
    const restart = (name: string, command: string) => {
      const group = `${groups}/plugin-${name}`;
      const isAnew = `[ "$(stat -c %i ${group} 2>/dev/null)" != "$old" ] && grep -q . ${group}/cgroup.procs 2>/dev/null`;
      return sh(`old=$(stat -c %i ${group}); ${command}; until ${isAnew}; do sleep 1; done`);
    };
    const series = { node: "lamp-0042", plugin: "line", name: "counter/count" };
    await hub.sample({ ...series, timeoutMs: 300_000 });
    const before = await plugins();
    const pid = (name: string) => before[name]?.process?.pid;

    // What the kernel holds, and whom.
    const limits = "memory.max memory.swap.max memory.oom.group cpu.max pids.max";
    const held = (await sh(`cd ${groups}/plugin-line && cat ${limits}`)).split("\n");
    assert.deepEqual(held, [String(128 * mib), "0", "1", "80000 100000", "64"]);
    assert.equal(await read("plugin-eater/memory.max"), String(32 * mib));
    assert.deepEqual(before.line?.process?.warnings, []);
    assert.equal(await read("plugin-line/cgroup.procs"), String(pid("line")));
    const commands = await sh(
      `for p in $(cat ${groups}/runtime/cgroup.procs); do tr '\\0' ' ' </proc/$p/cmdline; echo; done`,
    );
    assert.match(commands, /umec.* run /);
    assert.match(commands, /nats-server/);
    assert.doesNotMatch(commands, /plugin-process|sleep/);
    const nodePid = async () => Number(await sh("systemctl show --value --property MainPID umec"));
    const node = await nodePid();
    const marks = await sh(`cat /proc/${node}/oom_score_adj /proc/${pid("line")}/oom_score_adj`);
    assert.deepEqual(marks.split("\n"), ["-500", "0"]);

    // Devices: what is not listed is shut, and would be open otherwise.
    assert.equal(await sh(`cat /proc/${pid("many")}/cwd/said`), both.join("\n"));
    assert.equal(await sh(`cat /proc/${pid("eater")}/cwd/said`), gpioChip);

    // From here to the end of the troubles nothing else is started on the board: what the other plugin shows is theirs.
    // First while nothing happens, so that a slow machine is not taken for a disturbed plugin.
    const other = { node: "lamp-0042", plugin: "board", name: "uptime" };
    const lastSampleMs = async () => (await hub.sample({ ...other, storedFromMs: Date.now() })).timeMs;
    const quietMs = await lastSampleMs();
    let calm = 0;
    const last = await hub.sample({ ...other, where: ({ timeMs }) => timeMs > quietMs && ++calm === 6 });
    const fromMs = last.timeMs;
    counter.cut();
    const killedMs = Date.now();
    await restart("line", `kill -9 ${pid("line")}`);
    const readUntilThen = counter.count;
    await hub.sample({ ...series, where: ({ value }) => Number(value) >= readUntilThen, timeoutMs: 180_000 });
    const backMs = Date.now();

    const eatsMs = await lastSampleMs();
    await restart("eater", `touch /proc/${pid("eater")}/cwd/go`);

    const multipliesMs = await lastSampleMs();
    await sh(`touch /proc/${pid("many")}/cwd/go`);
    await sh(`until grep -q 'max [1-9]' ${groups}/plugin-many/pids.events; do sleep 1; done`);
    assert.ok(Number(await read("plugin-many/pids.current")) <= 64);
    await restart("many", `kill -9 ${pid("many")}`);
    assert.ok(Number(await read("plugin-many/pids.current")) < 5);
    const untilMs = await lastSampleMs();

    // Each was told why it ended; the node and the others have noticed nothing.
    const after = await plugins();
    const errorOf = (name: string) => [after[name]?.lastError?.code, after[name]?.lastError?.message];
    assert.deepEqual(errorOf("eater"), [
      "PROCESS_MEMORY",
      "it was killed for memory: over memoryBytes 32 MiB",
    ]);
    assert.equal(after.line?.lastError?.code, "PROCESS_ENDED");
    assert.match(after.line?.lastError?.message ?? "", /SIGKILL/);
    assert.deepEqual([after.line?.restarts, after.board?.restarts, await nodePid()], [1, 0, node]);
    const times = (await hub.samples(other)).map(({ timeMs }) => timeMs);
    const gaps = (from: number, until: number) => {
      const seen = times.filter((timeMs) => timeMs >= from && timeMs <= until);
      return seen.slice(1).map((timeMs, i) => timeMs - seen[i]!);
    };
    const phases = {
      quiet: gaps(quietMs, fromMs),
      killed: gaps(fromMs, eatsMs),
      eats: gaps(eatsMs, multipliesMs),
      multiplies: gaps(multipliesMs, untilMs),
    };
    const longest = Math.max(...gaps(fromMs, untilMs));
    const told = `gaps between samples of the other plugin, in ms: ${JSON.stringify(phases)}`;
    assert.ok(
      Object.values(phases).every(({ length }) => length > 0) && longest < 4 * systemIntervalMs,
      told,
    );

    // All that the killed one was told to be on disk is at the hub, once and in order.
    const stored = after.line?.stored ?? 0;
    let arrived = 0;
    await hub.sample({ node: "lamp-0042", plugin: "line", where: () => ++arrived >= stored });
    await counter.verify(hub, series);
    const usage = await sh(`cat ${groups}/plugin-line/memory.current`);
    console.log(
      `${machine}: back after ${((backMs - killedMs) / 1000).toFixed(1)} s; ` +
        `memory of an isolated driver ${(Number(usage) / 1e6).toFixed(1)} MB; ${told}`,
    );
  },
  fastest,
);
