/** A node with one honest plugin whose emits are timed, for the tests of what hostile ones can do to it. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import Type from "typebox";
import type { Log, LogFields } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { type RunningNode, startNode } from "./node.ts";
import type { Driver } from "./plugin/contract.ts";
import type { PluginStatus } from "./plugin/status.ts";
import type { DriverSource } from "./target/types.ts";

export const emitMs = 10;

export interface HostileNode {
  node: RunningNode;
  /** Of the log, with their level: `error: …`. */
  lines: string[];
  /** What the log said of each eviction: samples by plugin. */
  evictions: object[];
  /** Writes the target file: the honest plugin, and these. Resolves when it is reached. */
  setPlugins(yaml: string): Promise<void>;
  /** The status of a plugin once it fits. */
  plugin(name: string, fits?: (status: PluginStatus) => boolean): Promise<PluginStatus>;
  /** Milliseconds that the honest plugin's emits took in the next `ms`. */
  latencies(ms: number): Promise<number[]>;
  /** Speaks NATS with the credentials that the plugin's process was given; what it was told, when the server is done. */
  speak(plugin: string, lines: string, hello?: object): Promise<string>;
}

export async function startHostileNode(t: TestContext, dir: string, more = ""): Promise<HostileNode> {
  const took: { atMs: number; ms: number }[] = [];
  const path = join(dir, "node.yaml");
  const lines: string[] = [];
  const evictions: object[] = [];
  const head = `node: n1\ndata: ./data\n${more}plugins:\n  victim: { driver: steady }\n`;
  await writeFile(path, head);
  const node = await startNode({
    path,
    natsServerPath: (await findNatsServer()).path,
    log: recordingLog(({ level, message, fields }) => {
      lines.push(`${level}: ${message}`);
      if (message === "old samples were evicted") evictions.push(fields?.of as object);
    }),
    signal: new AbortController().signal,
    drivers: steadyDriver((atMs, ms) => took.push({ atMs, ms })),
  });
  t.after(() => node.stop());
  const until = async <T>(look: () => Promise<T | undefined>, what: () => string): Promise<T> => {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      assert.ok(performance.now() < deadline, what());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const self: HostileNode = {
    node,
    lines,
    evictions,
    async setPlugins(yaml) {
      await writeFile(path, head + yaml);
      const names = [...yaml.matchAll(/^ {2}([a-z0-9-]+):/gm)].map(([, name]) => name!);
      await until(
        async () => {
          const { plugins, target } = await node.status();
          const there = plugins.map(({ name }) => name).sort();
          return target.state === "reached" && there.join() === [...names, "victim"].sort().join()
            ? true
            : undefined;
        },
        () => `${names} are not reached: ${lines.slice(-5).join("\n")}`,
      );
    },
    plugin: (name, fits = () => true) =>
      until(
        async () => {
          const status = (await node.status()).plugins.find((one) => one.name === name);
          return status && fits(status) ? status : undefined;
        },
        () => `${name} does not fit: ${lines.slice(-8).join("\n")}`,
      ),
    async latencies(ms) {
      const fromMs = performance.now();
      await new Promise((resolve) => setTimeout(resolve, ms));
      return took.filter(({ atMs }) => atMs >= fromMs).map((one) => one.ms);
    },
    async speak(plugin, said, hello = {}) {
      // The target counts as reached before the process has its file.
      await self.plugin(plugin, ({ process }) => process !== undefined);
      const file = join(dir, "data", "run", "plugins", plugin, "bus.creds");
      const [, jwt] = /JWT-+\s+(\S+)/.exec(await readFile(file, "utf8")) ?? [];
      return speak((await node.status()).bus.url, { jwt, name: "evil", ...hello }, said);
    },
  };
  return self;
}

/**
 * Sends protocol lines and a PING, and returns what the server said until its PONG for that, or until it closed the
 * connection.
 */
export async function speak(url: string, hello: object, said: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const parts = {
    verbose: false,
    pedantic: false,
    headers: true,
    no_responders: true,
    protocol: 1,
    ...hello,
  };
  socket.on("error", () => {});
  socket.write(`CONNECT ${JSON.stringify(parts)}\r\nPING\r\n${said}PING\r\n`);
  let heard = "";
  try {
    for await (const part of socket) {
      heard += String(part);
      if (heard.split("PONG\r\n").length > 2) break;
    }
  } catch {
    // It was cut: what it was told before counts.
  }
  socket.destroy();
  return heard.replaceAll(/^INFO .*\r\n/gm, "");
}

function recordingLog(take: (line: { level: string; message: string; fields?: LogFields }) => void): Log {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      take({ level, message, fields });
  const log: Log = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => log,
  };
  return log;
}

function steadyDriver(onEmit: (atMs: number, ms: number) => void): DriverSource {
  const driver: Driver = {
    manifest: {
      name: "steady",
      version: "1.0.0",
      kind: "high",
      summary: "Emits at a steady rate.",
      options: Type.Object({}),
      points: () => [],
      needs: () => ({}),
    },
    async run(_options, host, signal) {
      let count = 0;
      // It does not wait for the one before: else a long stall would count as one slow emit.
      host.scheduler.every(emitMs, () => {
        const atMs = performance.now();
        host.emit([{ name: "a/count", value: count++ }]).then(
          () => onEmit(atMs, performance.now() - atMs),
          () => onEmit(atMs, Number.POSITIVE_INFINITY),
        );
      });
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
  return { names: () => ["steady"], load: async () => driver };
}

/** The value below which a share of all lies, 0.99 for p99. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
