/**
 * The driver for the node itself: processor, memory, disks, temperatures, network, as the kernel shows them.
 *
 * The parts: `tree` is where it reads (a folder with the same files is its twin), `groups` lists what there is to tell,
 * and each group's file says how. What is not there gives no samples: a group that tells nothing is named in the log
 * once, at the start, and comes back by itself, as with a disk that is plugged in.
 */
import { type Driver, defineDriver, type Host, type Point } from "../../runtime/plugin/sdk.ts";
import { caseTwins } from "../common/case-twins.ts";
import { groups } from "./groups.ts";
import { optionsSchema, type SystemOptions } from "./options.ts";
import { createTree } from "./tree.ts";

export const driver: Driver<typeof optionsSchema> = defineDriver({
  manifest: {
    name: "system",
    version: "0.1.0",
    kind: "low",
    summary: "Tells of the node itself: processor, memory, disks and flash, temperatures, network.",
    options: optionsSchema,
    points: (options) =>
      options.groups.flatMap((name) => groups[name].points.flatMap((point) => named(point, options))),
    check: ({ paths }) => caseTwins(Object.keys(paths), "/paths"),
    needs: () => ({}),
    deadlineMs: ({ intervalMs }) => Math.max(60_000, 3 * intervalMs),
  },
  run,
});
export default driver;

/** What the options name is a point of its own; what the board names can't be told before it runs. */
function named(point: Point, { paths, interfaces }: SystemOptions): Point[] {
  if (!point.name.includes("*")) return [point];
  const names = point.name.startsWith("disk/")
    ? Object.keys(paths)
    : point.name.startsWith("network/")
      ? (interfaces ?? [])
      : [];
  return names.map((name) => ({ ...point, name: point.name.replace("*", name) }));
}

async function run(options: SystemOptions, host: Host, signal: AbortSignal): Promise<void> {
  const tree = createTree(options.root);
  const readers = options.groups.map((name) => ({
    name,
    read: groups[name].create({ tree, options, clock: host.clock }),
  }));
  let ticks = 0;

  host.scheduler.every(options.intervalMs, async () => {
    const read = await Promise.all(readers.map(({ read }) => read()));
    // Rates need two readings: only then is what stays away not there.
    if (ticks === 1) {
      const missing = readers.filter((_, i) => read[i]!.length === 0).map(({ name }) => name);
      if (missing.length > 0) host.log.info(`the kernel tells nothing of ${missing.join(", ")} here`);
    }
    ticks += 1;
    const time = host.clock.known() ? { timeMs: host.clock.nowMs() } : {};
    await host.emit(read.flat().map((sample) => ({ ...sample, ...time })));
  });

  const stopped = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => stopped.resolve(), { once: true });
  if (!signal.aborted) await stopped.promise;
}
