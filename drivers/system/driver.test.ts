import assert from "node:assert/strict";
import { test } from "node:test";
import { startDriver } from "../../runtime/plugin/testkit.ts";
import { driver } from "./driver.ts";
import { createBoardTree } from "./tree-twin.ts";

// The shortest that the options allow; a test waits for one at most.
const intervalMs = 1000;

test("all groups are one emit with one time; what is not there is named once, after the rates had their chance", async () => {
  await using board = await createBoardTree();
  await board.remove("sys/class/mmc_host");
  await using run = startDriver(driver, { root: board.root, intervalMs, paths: { data: "/sys" } });
  await run.samples(({ name }) => name === "uptime", { count: 2 });
  await board.write({ "proc/stat": "cpu  200 0 100 700 100" });
  await run.samples(({ name }) => name === "cpu/use");
  const times = new Set(run.emitted.map(({ timeMs }) => timeMs));
  const readings = run.emitted.filter(({ name }) => name === "uptime").length;
  assert.ok(times.size === readings && !times.has(undefined));
  const told = run.lines.filter(({ message }) => message.startsWith("the kernel tells nothing of"));
  // Of the processor only because the tree stood still until then.
  assert.deepEqual(
    told.map(({ message }) => message),
    ["the kernel tells nothing of cpu, flash here"],
  );
});

test("only the groups that were chosen are told; without a clock there is no time", async () => {
  await using board = await createBoardTree();
  const options = { root: board.root, groups: ["load", "clock"] };
  await using run = startDriver(driver, options, { clockKnown: false });
  await run.samples(({ name, value }) => name === "clock-known" && value === false);
  assert.deepEqual(
    run.emitted.map(({ name }) => name),
    ["load/1min", "load/5min", "load/15min", "clock-known"],
  );
  assert.ok(run.emitted.every(({ timeMs }) => timeMs === undefined));
});

test("on this computer the kernel's own files are read", async () => {
  await using run = startDriver(driver, { intervalMs, paths: { root: "/" } });
  const [use] = await run.samples(({ name }) => name === "cpu/use");
  assert.ok(Number(use?.value) >= 0 && Number(use?.value) <= 100);
  const [total] = await run.samples(({ name }) => name === "memory/total");
  assert.ok(Number(total?.value) > 1e8);
  await run.samples(({ name, value }) => name === "disk/root/use" && Number(value) > 0);
  await run.samples(({ name, value }) => name === "uptime" && Number(value) > 0);
});

test("points are those that the options name, and what each board has under its own names is not among them", () => {
  const names = driver.manifest
    .points({
      intervalMs,
      groups: ["disk", "network", "temperature"],
      paths: { data: "/data" },
      interfaces: ["eth0"],
      root: "/",
    })
    .map(({ name }) => name);
  assert.ok(names.includes("disk/data/use") && names.includes("network/eth0/rx"));
  assert.ok(!names.some((name) => name.includes("*")));
});
