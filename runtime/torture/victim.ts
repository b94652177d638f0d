/**
 * The process that is tortured: a node without plugins, i.e. its real bus, outbox and link, fed over IPC by the
 * test in place of drivers. It may be killed at any moment.
 */
import { join } from "node:path";
import { bootId, monotonicMs } from "../boot.ts";
import { startBus } from "../bus/bus.ts";
import { messageOf } from "../errors.ts";
import { Link } from "../link/link.ts";
import { silentLog } from "../log.ts";
import { Outbox } from "../outbox/outbox.ts";
import type { Lane } from "../plugin/contract.ts";
import { encodeRecord } from "../senml/cbor.ts";

export interface VictimConfig {
  node: string;
  dir: string;
  natsServerPath: string;
  leafUrl: string;
  credentialsFile: string;
  quotaBytes: number;
}

export type ToVictim =
  | { kind: "start"; config: VictimConfig }
  | { kind: "emit"; id: number; plugin: string; lane: Lane; first: number; samples: number; padBytes: number }
  | { kind: "clock"; offsetMs: number; known: boolean }
  | { kind: "report-drained" }
  | { kind: "stop" };

export type FromVictim =
  | { kind: "started" }
  | { kind: "stored"; id: number; row: number }
  | { kind: "refused"; id: number; reason: string }
  | { kind: "drained" }
  | { kind: "waiting"; state: string };

const clock = { offsetMs: 0, isKnown: true };
let outbox: Outbox;
let stop: () => Promise<void>;

// The file size limit stands for a full disk: a write beyond it is to fail, not to kill.
process.on("SIGXFSZ", () => {});
process.on("disconnect", () => process.exit(0));
process.on("message", (message: ToVictim) => void take(message));

function tell(message: FromVictim): void {
  process.send?.(message);
}

async function take(message: ToVictim): Promise<void> {
  switch (message.kind) {
    case "start":
      await start(message.config);
      return tell({ kind: "started" });
    case "emit":
      return emit(message);
    case "clock":
      clock.offsetMs = message.offsetMs;
      clock.isKnown = message.known;
      return outbox.checkClock();
    case "report-drained":
      return reportDrained();
    case "stop":
      await stop();
      process.disconnect?.();
  }
}

async function start(config: VictimConfig): Promise<void> {
  const { node, dir, natsServerPath, leafUrl, credentialsFile, quotaBytes } = config;
  outbox = await Outbox.open({
    path: join(dir, "outbox.db"),
    quotaBytes,
    ballastBytes: 64 * 1024,
    checkpointPages: 50,
    clock: { nowMs: () => Date.now() + clock.offsetMs, monotonicMs, known: () => clock.isKnown },
    log: silentLog,
    commitMs: 2,
    eraseMs: 100,
    bootId: bootId(),
  });
  const bus = await startBus({
    node,
    dir: join(dir, "bus"),
    natsServerPath,
    plugins: [],
    link: { urls: [leafUrl], credentialsFile, reconnectMs: 60 },
    log: silentLog,
  });
  const ended = new AbortController();
  const connection = await bus.connectLink();
  const link = new Link({
    node,
    outbox,
    connection,
    leaf: bus,
    log: silentLog,
    signal: ended.signal,
    ackMs: 300,
    spreadMs: 5,
    frameBytes: 4096,
    liveBytes: 64 * 1024,
  });
  stop = async () => {
    ended.abort();
    await link.done;
    await connection.close();
    await outbox.close();
    await bus.stop();
  };
  report = () => JSON.stringify({ link: link.stats(), chains: outbox.chains() });
}

let report = (): string => "not started";

function emit({ id, plugin, lane, first, samples, padBytes }: Extract<ToVictim, { kind: "emit" }>): void {
  const pad = padBytes > 0 ? `/${"x".repeat(padBytes)}` : "";
  const records = Array.from({ length: samples }, (_, i) => encodeRecord({ n: `count${pad}`, v: first + i }));
  outbox
    .append({ plugin, lane, time: { monotonicMs: monotonicMs() }, samples, records: Buffer.concat(records) })
    .then(
      (row) => tell({ kind: "stored", id, row }),
      (error: unknown) => tell({ kind: "refused", id, reason: messageOf(error) }),
    );
}

function reportDrained(): void {
  const look = (): boolean => {
    if (outbox.stats().waitingRows > 0) return false;
    tell({ kind: "drained" });
    off();
    clearInterval(progress);
    return true;
  };
  const off = outbox.onErased(look);
  // For the message of a test that waits in vain.
  const progress = setInterval(() => look() || tell({ kind: "waiting", state: report() }), 1_000);
  look();
}
