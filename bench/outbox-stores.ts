/** The contenders of outbox.ts: whatever takes a pack and says when it is on disk. */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { jetstream, jetstreamManager, StorageType } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { Clock } from "../runtime/clock.ts";
import { silentLog } from "../runtime/log.ts";
import { startNatsServer } from "../runtime/nats/server-process.ts";
import { Outbox } from "../runtime/outbox/outbox.ts";
import type { Bench } from "./kit/bench.ts";

export interface Store {
  name: string;
  /** Resolves when the pack is on disk. */
  append(emitter: number, records: Uint8Array, samples: number): Promise<void>;
  /** Empties it and stores one pack of each emitter: a new chain costs an fsync of its own, once for ever. */
  reset(emitters: number, records: Uint8Array): Promise<void>;
  /** Bytes given to the kernel to write so far. */
  writtenBytes(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  known: () => true,
};

/** Large enough that nothing is evicted in a round. */
const quotaBytes = 2 * 2 ** 30;

/** @param erase Whether each row is erased once it is stored, as with a link that is up. */
export async function outboxStore(bench: Bench, { erase = false } = {}): Promise<Store> {
  const name = erase ? "outbox, erasing" : "outbox";
  let file = 0;
  const path = (): string => join(bench.dir, `${name}-${file}`, "outbox.db");
  const open = (): Promise<Outbox> =>
    Outbox.open({
      path: path(),
      quotaBytes,
      clock: systemClock,
      log: silentLog,
    });
  let outbox = await open();
  bench.defer(() => outbox.close());
  const attach = (): void => {
    if (!erase) return;
    const current = outbox;
    current.onAppended((rows) => eraseAll(current, rows));
  };
  const append: Store["append"] = async (emitter, records, samples) => {
    const time = { unixMs: Date.now() };
    await outbox.append({ plugin: `meter-${emitter}`, lane: "telemetry", time, samples, records });
  };
  return {
    name,
    append,
    async reset(emitters, records) {
      await outbox.close();
      await rm(dirname(path()), { recursive: true, force: true });
      file++;
      outbox = await open();
      attach();
      await Promise.all(Array.from({ length: emitters }, (_, i) => append(i, records, 1)));
    },
    // Of the present file's thread; it begins at 0 after a reset.
    writtenBytes: () => outbox.stats().writtenBytes,
  };
}

type Rows = Parameters<Parameters<Outbox["onAppended"]>[0]>[0];

function eraseAll(outbox: Outbox, rows: Rows): void {
  for (const [chain, own] of Map.groupBy(rows, (row) => row.chain)) {
    const ids: { first: number; last: number }[] = [];
    for (const { id } of own) {
      const last = ids.at(-1);
      if (last && last.last + 1 === id) last.last = id;
      else ids.push({ first: id, last: id });
    }
    const samples = own.reduce((sum, row) => sum + row.samples, 0);
    outbox.erase({ chain, ids, rows: own.length, samples });
  }
}

/** A stream in a file, synced before each acknowledgement: the same promise as the outbox's. */
export async function jetstreamStore(bench: Bench, natsServerPath: string): Promise<Store> {
  const dir = join(bench.dir, "jetstream");
  const server = await startNatsServer({
    path: natsServerPath,
    dir,
    name: "peer",
    config: (ports) => `listen: "127.0.0.1:${ports.client}"
leafnodes { listen: "127.0.0.1:${ports.leaf}" }
jetstream { store_dir: ${JSON.stringify(dir)}, sync_interval: always }
`,
    log: silentLog,
    memoryLimitBytes: 256 * 2 ** 20,
  });
  bench.defer(() => server.stop());
  const connection = await connect({ servers: server.url });
  bench.defer(() => connection.close());
  const { streams } = await jetstreamManager(connection);
  await streams.add({ name: "PEER", subjects: ["peer.*"], storage: StorageType.File, max_bytes: quotaBytes });
  const client = jetstream(connection);
  return {
    name: "JetStream",
    append: async (emitter, records) => void (await client.publish(`peer.${emitter}`, records)),
    reset: async () => void (await streams.purge("PEER")),
    writtenBytes: () =>
      Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${server.pid}/io`, "latin1"))?.[1] ?? 0),
  };
}
