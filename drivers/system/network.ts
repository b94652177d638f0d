/** Network interfaces: `/sys/class/net`, Documentation/ABI/testing/sysfs-class-net and -net-statistics. */
import type { Sample } from "../../runtime/plugin/sdk.ts";
import { rounded } from "../common/numbers.ts";
import type { Group } from "./group.ts";
import { pointName, ratePerS } from "./tree.ts";

const directions = ["rx", "tx"] as const;

export const network: Group = {
  points: [
    { name: "network/*/up", summary: "Whether it can carry data" },
    ...directions.flatMap((direction) => [
      { name: `network/*/${direction}`, unit: "B", summary: "Since the interface is there" },
      { name: `network/*/${direction}-rate`, unit: "B/s", summary: "Since the last sample" },
      { name: `network/*/${direction}-errors`, unit: "count" },
    ]),
    { name: "network/*/speed", unit: "bit/s", summary: "Of the link, where it has one" },
  ],
  create({ tree, options, clock }) {
    let before = new Map<string, { rx: number; tx: number; atMs: number }>();
    return async () => {
      const dir = "sys/class/net";
      const samples: Sample[] = [];
      const now: typeof before = new Map();
      for (const name of await tree.names(dir)) {
        if (!(options.interfaces ? options.interfaces.includes(name) : await isHardware(name))) continue;
        const point = `network/${pointName(name)}`;
        const carrier = await tree.number(`${dir}/${name}/carrier`);
        const state = await tree.text(`${dir}/${name}/operstate`);
        // "unknown" is of drivers that do not tell; their carrier does. To read it of an interface that is off fails.
        samples.push({
          name: `${point}/up`,
          value: state === "up" || (state === "unknown" && carrier === 1),
        });
        const [rx, tx] = await Promise.all(
          directions.map((way) => tree.number(`${dir}/${name}/statistics/${way}_bytes`)),
        );
        const atMs = clock.monotonicMs();
        if (rx !== undefined && tx !== undefined) {
          const earlier = before.get(name);
          now.set(name, { rx, tx, atMs });
          for (const [way, bytes] of [
            ["rx", rx],
            ["tx", tx],
          ] as const) {
            samples.push({ name: `${point}/${way}`, value: bytes, unit: "B" });
            const rate = earlier && ratePerS(earlier[way], bytes, atMs - earlier.atMs);
            if (rate !== undefined)
              samples.push({ name: `${point}/${way}-rate`, value: rounded(rate, 0), unit: "B/s" });
            const errors = await tree.number(`${dir}/${name}/statistics/${way}_errors`);
            if (errors !== undefined)
              samples.push({ name: `${point}/${way}-errors`, value: errors, unit: "count" });
          }
        }
        const megabits = await tree.number(`${dir}/${name}/speed`);
        // -1 says that there is no link, or that it has no speed of its own.
        if (megabits !== undefined && megabits > 0) {
          samples.push({ name: `${point}/speed`, value: megabits * 1e6, unit: "bit/s" });
        }
      }
      before = now;
      return samples;

      /** Bridges, tunnels and lo have no device; Wi-Fi, Ethernet and modems do. */
      async function isHardware(name: string): Promise<boolean> {
        return (await tree.names(`${dir}/${name}/device`)).length > 0;
      }
    };
  },
};
