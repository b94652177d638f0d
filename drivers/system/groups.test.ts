import assert from "node:assert/strict";
import { test } from "node:test";
import { groups } from "./groups.ts";
import { defaults, type GroupName, groupNames, type SystemOptions } from "./options.ts";
import { createTree, pointName, ratePerS } from "./tree.ts";
import { type BoardTree, createBoardTree } from "./tree-twin.ts";

/** A reader of one group, with a clock that goes on by a second with each reading. */
function reader(board: BoardTree, name: GroupName, more: Partial<SystemOptions> = {}) {
  let nowMs = 0;
  const options = { ...defaults, groups: [...groupNames], root: board.root, ...more };
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, known: () => true };
  const read = groups[name].create({ tree: createTree(board.root), options, clock });
  return async (): Promise<Record<string, unknown>> => {
    nowMs += 1000;
    const samples = await read();
    const patterns = groups[name].points.map((point) => ({
      fits: new RegExp(`^${point.name.replace("*", "[^/]+")}$`),
      unit: point.unit,
    }));
    for (const sample of samples) {
      const point = patterns.find(({ fits }) => fits.test(sample.name));
      assert.ok(point, `${sample.name} is a point that the group names`);
      assert.equal(sample.unit, point.unit, sample.name);
    }
    return Object.fromEntries(samples.map(({ name, value }) => [name, value]));
  };
}

test("processor use is of the time between two readings; a core that is off or counts anew tells nothing", async () => {
  await using board = await createBoardTree();
  const read = reader(board, "cpu");
  assert.deepEqual(await read(), {});
  // 100 ticks: 40 busy, 50 idle, 10 waiting for a disk; of cpu1 nothing.
  await board.write({ "proc/stat": "cpu  130 0 110 750 110 0 0 0 0 0\ncpu0 80 0 60 400 60 0 0 0 30 0" });
  assert.deepEqual(await read(), { "cpu/use": 40, "cpu/0/use": 40 });
  assert.deepEqual(await read(), {}, "no time has passed");
  await board.write({ "proc/stat": "cpu  1 0 1 7 1\ncpu0 1 0 1 7 1" });
  assert.deepEqual(await read(), {});
});

test("load, uptime and clock", async () => {
  await using board = await createBoardTree();
  assert.deepEqual(await reader(board, "load")(), {
    "load/1min": 0.42,
    "load/5min": 0.3,
    "load/15min": 0.12,
  });
  assert.deepEqual(await reader(board, "uptime")(), { uptime: 3725 });
  assert.deepEqual(await reader(board, "clock")(), { "clock-known": true });
});

test("memory is in bytes, swap only where there is some", async () => {
  await using board = await createBoardTree();
  const read = reader(board, "memory");
  const memory = { "memory/total": 1_024_000_000, "memory/available": 768_000_000, "memory/use": 25 };
  assert.deepEqual(await read(), memory);
  await board.write({
    "proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 750000 kB\nSwapTotal: 1000 kB\nSwapFree: 250 kB",
  });
  assert.deepEqual(await read(), { ...memory, "memory/swap-total": 1_024_000, "memory/swap-used": 768_000 });
});

test("pressure is of the last 60 s, for what the kernel has", async () => {
  await using board = await createBoardTree();
  assert.deepEqual(await reader(board, "pressure")(), {
    "pressure/cpu/some": 2.5,
    "pressure/memory/some": 0.4,
    "pressure/memory/full": 0.2,
  });
});

test("disk space is that of the path's file system; a path that is not there tells nothing", async () => {
  await using board = await createBoardTree();
  const values = await reader(board, "disk", { paths: { data: "/sys", gone: "/nowhere" } })();
  const total = Number(values["disk/data/total"]);
  assert.ok(total > 1e6 && Number(values["disk/data/available"]) <= total);
  assert.ok(Number(values["disk/data/use"]) >= 0 && Number(values["disk/data/use"]) <= 100);
  assert.ok(!Object.keys(values).some((name) => name.startsWith("disk/gone")));
});

test("what is written is counted of disks, not of their parts nor of what is above them", async () => {
  await using board = await createBoardTree();
  const read = reader(board, "io");
  assert.deepEqual(await read(), { "io/mmcblk0/written": 4000 * 512 });
  await board.write({ "proc/diskstats": " 179 0 mmcblk0 10 0 2001 5 20 0 4002 9 0 7 14" });
  assert.deepEqual(await read(), {
    "io/mmcblk0/written": 4002 * 512,
    "io/mmcblk0/write-rate": 1024,
    "io/mmcblk0/read-rate": 512,
  });
  await board.write({ "proc/diskstats": " 179 0 mmcblk0 1 0 1 5 2 0 4 9 0 7 14" });
  assert.deepEqual(await read(), { "io/mmcblk0/written": 2048 }, "another card");
});

test("wear is the worse of the flash's two kinds, of eMMC and UFS; an SD card has none", async () => {
  await using board = await createBoardTree();
  const read = reader(board, "flash");
  assert.deepEqual(await read(), { "flash/mmc0/life-used": 30, "flash/mmc0/reserve": "normal" });
  const dir = "sys/bus/platform/drivers/ufshcd-qcom/1d84000.ufshc/health_descriptor";
  await board.write({
    "sys/class/mmc_host/mmc0/mmc0:0001/life_time": "0x00 0x00",
    "sys/class/mmc_host/mmc0/mmc0:0001/pre_eol_info": "0x00",
    [`${dir}/life_time_estimation_a`]: "0x0B",
    [`${dir}/life_time_estimation_b`]: "0x01",
    [`${dir}/eol_info`]: "0x03",
  });
  assert.deepEqual(await read(), {
    "flash/1d84000-ufshc/life-used": 110,
    "flash/1d84000-ufshc/reserve": "urgent",
  });
});

test("temperatures have the kernel's names, a zone's second face is left out, twins are numbered", async () => {
  await using board = await createBoardTree();
  const read = reader(board, "temperature");
  const both = { "temperature/cpu-thermal": 48.312, "temperature/nvme-Composite": 39.85 };
  assert.deepEqual(await read(), both);
  await board.write({
    "sys/class/thermal/thermal_zone1/type": "cpu thermal",
    "sys/class/thermal/thermal_zone1/temp": -5250,
    "sys/class/thermal/thermal_zone0/temp": "",
  });
  assert.deepEqual(await read(), { "temperature/cpu-thermal": -5.25, "temperature/nvme-Composite": 39.85 });
  await board.write({ "sys/class/thermal/thermal_zone0/temp": 48312 });
  assert.deepEqual(await read(), { ...both, "temperature/cpu-thermal-2": -5.25 });
});

test("undervoltage is told where the board measures it", async () => {
  await using board = await createBoardTree();
  const read = reader(board, "voltage");
  assert.deepEqual(await read(), { undervoltage: false });
  await board.write({ "sys/class/hwmon/hwmon1/in0_lcrit_alarm": 1 });
  assert.deepEqual(await read(), { undervoltage: true });
  await board.remove("sys/class/hwmon/hwmon1");
  assert.deepEqual(await read(), {});
});

test("interfaces that are hardware are told, or those that are named", async () => {
  await using board = await createBoardTree();
  const read = reader(board, "network");
  const first = {
    "network/eth0/up": true,
    "network/eth0/rx": 1_000_000,
    "network/eth0/rx-errors": 3,
    "network/eth0/tx": 2_000_000,
    "network/eth0/tx-errors": 0,
    "network/eth0/speed": 1e9,
  };
  assert.deepEqual(await read(), first);
  await board.write({ "sys/class/net/eth0/statistics/rx_bytes": 1_002_000, "sys/class/net/eth0/speed": -1 });
  const { "network/eth0/speed": _, ...second } = await read();
  assert.deepEqual(second, {
    ...Object.fromEntries(Object.entries(first).filter(([name]) => !name.endsWith("/speed"))),
    "network/eth0/rx": 1_002_000,
    "network/eth0/rx-rate": 2000,
    "network/eth0/tx-rate": 0,
  });
  await board.write({ "sys/class/net/eth0/operstate": "down" });
  assert.equal((await read())["network/eth0/up"], false);
  const named = await reader(board, "network", { interfaces: ["lo"] })();
  assert.deepEqual(named, { "network/lo/up": true, "network/lo/rx": 5, "network/lo/tx": 5 });
});

test("on a board that shows nothing no group gives anything, but the clock", async () => {
  await using board = await createBoardTree();
  await board.remove("proc");
  await board.remove("sys");
  for (const name of groupNames) {
    if (name === "clock") continue;
    const read = reader(board, name);
    await read();
    assert.deepEqual(await read(), {}, name);
  }
});

test("names and rates", () => {
  assert.equal(pointName("CPU thermal (die)"), "CPU-thermal-die");
  assert.equal(pointName("--"), "unnamed");
  assert.equal(ratePerS(100, 300, 2000), 100);
  assert.equal(ratePerS(300, 100, 2000), undefined);
  assert.equal(ratePerS(1, 2, 0), undefined);
});
