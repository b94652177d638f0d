/** A node's bus and outbox on loopback and in a temporary directory, for the tests of what lies between them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, credsAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { type Bus, startBus } from "./bus/bus.ts";
import type { Clock } from "./clock.ts";
import { silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { type Ingest, type IngestOptions, startIngest } from "./outbox/ingest.ts";
import { Outbox } from "./outbox/outbox.ts";
import type { Row } from "./outbox/types.ts";
import type { Lane } from "./plugin/contract.ts";
import { decodeCbor } from "./senml/cbor.ts";
import type { SenmlRecord } from "./senml/record.ts";

export const testClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  known: () => true,
};

/** Beyond the reach of a test that is not about them. */
export const wideLimits = { samplesPerS: 1e6, bytesPerS: 1e9 };

export interface TestNode extends AsyncDisposable {
  bus: Bus;
  outbox: Outbox;
  /** The packs of `plugin` go into the outbox from now on. */
  ingest(plugin: string, options?: Partial<IngestOptions>): Promise<Ingest>;
  /** In the plugin's account. */
  connect(plugin: string): Promise<NatsConnection>;
  rows(lane?: Lane): Promise<Row[]>;
  /** The records of a row as the hub reads them, names still relative to the plugin. */
  records(row: Row): SenmlRecord[];
  /** Of all rows of a lane. */
  stored(lane?: Lane): Promise<SenmlRecord[]>;
}

export async function startTestNode({ plugins = ["p1"] }: { plugins?: string[] } = {}): Promise<TestNode> {
  const dir = await mkdtemp(join(tmpdir(), "umec-test-node-"));
  const { path: natsServerPath } = await findNatsServer();
  const bus = await startBus({ node: "n1", dir: join(dir, "bus"), natsServerPath, plugins, log: silentLog });
  const outbox = await Outbox.open({
    path: join(dir, "outbox.db"),
    quotaBytes: 16 * 1024 * 1024,
    clock: testClock,
    log: silentLog,
    commitMs: 1,
    thread: false,
  });
  const connections: NatsConnection[] = [];
  const open = async (connecting: Promise<NatsConnection>): Promise<NatsConnection> => {
    const connection = await connecting;
    connections.push(connection);
    return connection;
  };
  const rows = (lane: Lane = "telemetry"): Promise<Row[]> => outbox.read(lane, 0, 1e9);
  const records = (row: Row): SenmlRecord[] =>
    decodeCbor(Buffer.concat([Buffer.of(0x9a, 0, 0, row.samples >> 8, row.samples & 255), row.records]));
  return {
    bus,
    outbox,
    ingest: async (plugin, options = {}) =>
      startIngest({
        connection: await open(bus.connectOutbox(plugin)),
        plugin,
        outbox,
        clock: testClock,
        limits: wideLimits,
        log: silentLog,
        ...options,
      }),
    connect: (plugin) => open(bus.connectPlugin(plugin)),
    rows,
    records,
    stored: async (lane) => (await rows(lane)).flatMap(records),
    async [Symbol.asyncDispose]() {
      for (const connection of connections) await connection.close();
      await bus.stop();
      await outbox.close();
      await rm(dir, { recursive: true });
    },
  };
}

/** As a plugin's own process connects: with the credentials file that the node gives it. */
export async function connectProcess(
  bus: Bus,
  plugin: string,
  options: { gated?: boolean } = {},
): Promise<NatsConnection> {
  return connect({
    servers: bus.url,
    inboxPrefix: `_INBOX_${plugin}`,
    authenticator: credsAuthenticator(await bus.pluginCredentials(plugin, options)),
    reconnect: false,
  });
}
