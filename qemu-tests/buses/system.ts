import assert from "node:assert/strict";
import { type BoardStory, node } from "../shared-board.ts";

export function nodeItself(): BoardStory {
  return {
    name: "the node tells of itself: processor, memory, data's file system, writes, network",
    plugins: { board: { driver: "system", options: { intervalMs: 5000, paths: { data: "/data" } } } },
    devices: [],
    async tell({ hub }) {
      const sample = (name: string, isSound: (value: number) => boolean, timeoutMs = 30_000) =>
        hub.sample({ node, plugin: "board", name, where: ({ value }) => isSound(Number(value)), timeoutMs });
      const use = await sample("cpu/use", (value) => value >= 0 && value <= 100, 180_000);
      assert.equal(use.unit, "%");
      await sample("cpu/0/use", (value) => value <= 100);
      assert.equal((await sample("memory/total", (value) => value > 64e6)).unit, "B");
      await sample("disk/data/available", (value) => value > 1e6);
      await sample("uptime", (value) => value > 1);
      await sample("load/1min", (value) => value >= 0);
      // Of one emit with those above; how the interface and the disk are called is the kernel's choice.
      const names = (await hub.samples({ node, plugin: "board" })).map(({ name }) => name);
      const kinds = [
        /^network\/[a-z0-9]+\/tx$/,
        /^network\/[a-z0-9]+\/up$/,
        /^io\/(vd[a-z]|mmcblk\d)\/written$/,
      ];
      for (const wanted of kinds) {
        assert.ok(
          names.some((name) => wanted.test(name)),
          `${wanted} is among ${[...new Set(names)].join(", ")}`,
        );
      }
    },
  };
}
