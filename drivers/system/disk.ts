/**
 * Disks: how full the file systems are (statfs(2)), how much is written (`/proc/diskstats`,
 * Documentation/admin-guide/iostats.rst), and how worn the flash is, where the kernel tells.
 *
 * eMMC tells its wear since JESD84-B50 (section 7.4, EXT_CSD registers 267 to 269): life_time in steps of 10 %, for
 * two kinds of its blocks, and whether its reserve is used up. UFS (JESD220 section 14.1.5.5) has the same in its health
 * descriptor. SD cards tell nothing, NVMe disks only by the SMART log, which the kernel does not show as a file.
 */
import { statfs } from "node:fs/promises";
import type { Sample } from "../../runtime/plugin/sdk.ts";
import { rounded } from "../common/numbers.ts";
import type { Group } from "./group.ts";
import { pointName, ratePerS, type Tree } from "./tree.ts";

/** Of `/proc/diskstats`, whatever the disk's own sectors are. */
const sectorBytes = 512;

export const space: Group = {
  points: [
    { name: "disk/*/total", unit: "B", summary: "Of the file system" },
    { name: "disk/*/available", unit: "B", summary: "For users that are not root" },
    { name: "disk/*/use", unit: "%" },
    { name: "disk/*/inodes-use", unit: "%", summary: "Files that there are, of those that there can be" },
  ],
  create({ tree, options }) {
    return async () => {
      const samples = await Promise.all(
        Object.entries(options.paths).map(async ([name, path]): Promise<Sample[]> => {
          const found = await statfs(tree.path(path)).catch(() => undefined);
          if (!found || found.blocks === 0) return [];
          const { bsize, blocks, bfree, bavail, files, ffree } = found;
          const used = blocks - bfree;
          return [
            { name: `disk/${name}/total`, value: blocks * bsize, unit: "B" },
            { name: `disk/${name}/available`, value: bavail * bsize, unit: "B" },
            // As df counts it: what is kept for root is not there.
            { name: `disk/${name}/use`, value: rounded((used / (used + bavail || 1)) * 100, 1), unit: "%" },
            // btrfs and vfat make inodes as they need them.
            ...(files > 0
              ? [{ name: `disk/${name}/inodes-use`, value: rounded((1 - ffree / files) * 100, 1), unit: "%" }]
              : []),
          ];
        }),
      );
      return samples.flat();
    };
  },
};

export const io: Group = {
  points: [
    { name: "io/*/written", unit: "B", summary: "Bytes written to the disk since the node's start" },
    { name: "io/*/write-rate", unit: "B/s", summary: "Since the last sample" },
    { name: "io/*/read-rate", unit: "B/s", summary: "Since the last sample" },
  ],
  create({ tree, clock }) {
    let before = new Map<string, { read: number; written: number; atMs: number }>();
    return async () => {
      const samples: Sample[] = [];
      const disks = new Set(
        (await tree.names("sys/block")).filter((name) => !/^(loop|ram|zram|dm-|md)/.test(name)),
      );
      const now: typeof before = new Map();
      for (const line of ((await tree.text("proc/diskstats")) ?? "").split("\n")) {
        const [, , name = "", , , sectorsRead, , , , sectorsWritten] = line.trim().split(/\s+/);
        // Partitions are in the list as well, and what is above disks would count twice.
        if (!disks.has(name)) continue;
        const read = Number(sectorsRead) * sectorBytes;
        const written = Number(sectorsWritten) * sectorBytes;
        if (!Number.isFinite(read + written)) continue;
        const atMs = clock.monotonicMs();
        now.set(name, { read, written, atMs });
        const point = pointName(name);
        samples.push({ name: `io/${point}/written`, value: written, unit: "B" });
        const earlier = before.get(name);
        if (!earlier) continue;
        const writeRate = ratePerS(earlier.written, written, atMs - earlier.atMs);
        const readRate = ratePerS(earlier.read, read, atMs - earlier.atMs);
        if (writeRate === undefined || readRate === undefined) continue;
        samples.push(
          { name: `io/${point}/write-rate`, value: rounded(writeRate, 0), unit: "B/s" },
          { name: `io/${point}/read-rate`, value: rounded(readRate, 0), unit: "B/s" },
        );
      }
      before = now;
      return samples;
    };
  },
};

const reserve = ["", "normal", "warning", "urgent"];

export const flash: Group = {
  points: [
    {
      name: "flash/*/life-used",
      unit: "%",
      summary: "Of the flash's planned life, in steps of 10: the worse of its two kinds",
    },
    { name: "flash/*/reserve", summary: "Of spare blocks: normal, warning (80 % used) or urgent (90 %)" },
  ],
  create({ tree }) {
    return async () => [...(await mmc(tree)), ...(await ufs(tree))];
  },
};

async function mmc(tree: Tree): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const host of (await tree.names("sys/class/mmc_host")).filter((name) => /^mmc\d+$/.test(name))) {
    for (const card of await tree.names(`sys/class/mmc_host/${host}`)) {
      if (!card.startsWith(`${host}:`)) continue;
      const dir = `sys/class/mmc_host/${host}/${card}`;
      const lives = ((await tree.text(`${dir}/life_time`)) ?? "").split(/\s+/).map(Number);
      samples.push(...wear(host, lives, Number(await tree.text(`${dir}/pre_eol_info`))));
    }
  }
  return samples;
}

async function ufs(tree: Tree): Promise<Sample[]> {
  const samples: Sample[] = [];
  const hosts = await tree
    .names("sys/bus/platform/drivers")
    .then((names) => names.filter((name) => /ufs/.test(name)));
  for (const driver of hosts) {
    for (const host of await tree.names(`sys/bus/platform/drivers/${driver}`)) {
      const dir = `sys/bus/platform/drivers/${driver}/${host}/health_descriptor`;
      const lives = [`${dir}/life_time_estimation_a`, `${dir}/life_time_estimation_b`];
      const [a, b, eol] = await Promise.all([...lives, `${dir}/eol_info`].map((path) => tree.text(path)));
      if (a === undefined && b === undefined) continue;
      samples.push(...wear(pointName(host), [Number(a), Number(b)], Number(eol)));
    }
  }
  return samples;
}

/** 1 is up to 10 % of the life, 10 up to 100 %, 11 beyond; 0 is not defined, as on an SD card. */
function wear(name: string, lives: number[], eol: number): Sample[] {
  const worst = Math.max(0, ...lives.filter((life) => life >= 1 && life <= 11));
  const left = reserve[eol];
  return [
    ...(worst > 0 ? [{ name: `flash/${name}/life-used`, value: worst * 10, unit: "%" }] : []),
    ...(left ? [{ name: `flash/${name}/reserve`, value: left }] : []),
  ];
}
