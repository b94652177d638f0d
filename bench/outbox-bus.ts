import { join } from "node:path";
import { startBus } from "../runtime/bus/bus.ts";
import { silentLog } from "../runtime/log.ts";
import { startIngest } from "../runtime/outbox/ingest.ts";
import { Outbox } from "../runtime/outbox/outbox.ts";
import { createEmitter, type Emitter } from "../runtime/plugin/emitter.ts";
import type { Bench } from "./kit/bench.ts";
import { createDevice } from "./kit/samples.ts";
import type { Append, Load } from "./outbox-load.ts";
import { systemClock } from "./outbox-stores.ts";

const limits = { samplesPerS: 1e9, bytesPerS: 1e12 };

/** The whole way of a driver's sample: emit, the plugin's account on the bus, ingest, outbox, and back. */
export async function startBusRoute(
  bench: Bench,
  natsServerPath: string,
  emitters: number,
): Promise<{
  append(load: Load): Append;
  stop(): Promise<void>;
}> {
  const names = Array.from({ length: emitters }, (_, i) => `meter-${i}`);
  const ended = new AbortController();
  const undo: (() => unknown)[] = [() => ended.abort()];
  const stop = async (): Promise<void> => {
    for (let next = undo.shift(); next; next = undo.shift()) await next();
  };
  bench.defer(stop);
  const outbox = await Outbox.open({
    path: join(bench.dir, "bus-outbox", "outbox.db"),
    quotaBytes: 2 * 2 ** 30,
    clock: systemClock,
    log: silentLog,
  });
  const bus = await startBus({
    node: "bench",
    dir: join(bench.dir, "bus"),
    natsServerPath,
    plugins: names,
    log: silentLog,
  });
  undo.push(
    () => outbox.close(),
    () => bus.stop(),
  );
  const plugins: Emitter[] = [];
  for (const plugin of names) {
    const uplink = await bus.connectOutbox(plugin);
    const ingest = await startIngest({
      connection: uplink,
      plugin,
      outbox,
      clock: systemClock,
      limits,
      log: silentLog,
    });
    const connection = await bus.connectPlugin(plugin);
    plugins.push(
      createEmitter({ connection, clock: systemClock, log: silentLog, limits, signal: ended.signal }),
    );
    undo.splice(1, 0, async () => {
      await connection.close();
      await ingest.stop();
      await uplink.close();
    });
  }
  return {
    append({ size }) {
      const take = createDevice("meter1", 1);
      const packs = Array.from({ length: 64 }, () => take(size));
      return (emitter, pack) => plugins[emitter]!.emit(packs[pack % packs.length]!);
    },
    stop,
  };
}
