/** Boards with two slots in folders, each a real node that links to a real hub, for tests of rollouts. */
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { HubServer } from "./hub/server.ts";
import { silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { type RunningNode, startNode } from "./node.ts";
import { counting, tokenFor, writeNode } from "./test-enrolling.ts";
import { readBundleFile } from "./update/bundle-file.ts";
import { FileEngine, fileBundle } from "./update/file-engine.ts";
import type { SlotState, UpdateEngine } from "./update/types.ts";

export interface FleetBoard {
  readonly name: string;
  /** What is wrong with every new system on this board from now on. */
  bad: string | undefined;
  /** How often the machine was started. */
  readonly boots: number;
  slots(): Promise<readonly SlotState[]>;
  node(): RunningNode;
}

/** Starts a board that has enrolled; it restarts when its node wants to, and falls back when its system is bad. */
export async function startBoard(
  t: TestContext,
  hub: HubServer,
  dir: string,
  name: string,
  /** Where the bundle is that the hub orders; left out: it is real, and comes over the link. */
  bundle?: string,
): Promise<FleetBoard> {
  const path = await writeNode(dir, hub.leafUrl, await tokenFor(hub, { node: name }));
  const { path: natsServerPath } = await findNatsServer();
  const directory = join(dir, "slots");
  await mkdir(join(dir, "update", "incoming"), { recursive: true });
  let [boots, stopped] = [0, false];
  let node: RunningNode;
  let life: Promise<void> = Promise.resolve();
  const board: FleetBoard = {
    name,
    bad: undefined,
    get boots() {
      return boots;
    },
    slots: async () => (await FileEngine.open({ directory })).slots(new AbortController().signal),
    node: () => node,
  };

  const boot = async (): Promise<void> => {
    boots++;
    const down = Promise.withResolvers<void>();
    const engine = await FileEngine.open({ directory, onRestart: () => down.resolve() });
    let fallBack = false;
    const failed = Promise.withResolvers<void>();
    node = await startNode({
      ...{ path, natsServerPath, log: silentLog, drivers: counting(), signal: new AbortController().signal },
      update: {
        engine: bundle === undefined ? forRealBundles(engine, dir) : engine,
        compatible: "umec-test",
        bootId: `boot-${boots}`,
        ...(bundle !== undefined && {
          fetch: async ({ id }) => {
            const whole = join(dir, "update", "incoming", `${id}.raucb`);
            await copyFile(bundle, whole);
            return whole;
          },
        }),
        gate: async () => {
          const { bad } = board;
          if (bad === undefined) {
            await engine.markGood();
            return { good: true };
          }
          fallBack = true;
          failed.resolve();
          return { good: false, reason: bad };
        },
        fallBackReason: async () => board.bad,
      },
    });
    life = (async () => {
      const ended = await Promise.race([node.done, failed.promise]);
      await node.stop();
      if (stopped) return;
      if (fallBack) await engine.fallBack();
      else {
        void ended?.restartMachine?.();
        await down.promise;
      }
      await boot();
    })();
  };
  await boot();
  t.after(async () => {
    stopped = true;
    await node.stop();
    await life;
  });
  return board;
}

/** Has the twin of RAUC take what RAUC's own bundles say, once they are whole. */
function forRealBundles(engine: FileEngine, dir: string): UpdateEngine {
  return {
    slots: (signal) => engine.slots(signal),
    restart: () => engine.restart(),
    async install(path, options) {
      const { version, compatible } = await readBundleFile(path, options.signal);
      const twin = join(dir, "twin");
      await writeFile(twin, fileBundle({ version, compatible }));
      return engine.install(twin, options);
    },
  };
}
