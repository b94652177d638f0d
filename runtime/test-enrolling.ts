/** A real hub that answers tokens, and a real node that has one, for tests. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import Type from "typebox";
import { formatToken, type Token } from "./enrol-wire.ts";
import { createReader } from "./hub/reader.ts";
import type { HubSample } from "./hub/sample.ts";
import { type HubServer, type HubServerOptions, startHubServer } from "./hub/server.ts";
import { provisionStream } from "./hub/stream.ts";
import { issueTokens, type TokenRequest } from "./hub/tokens.ts";
import { type Log, silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { type RunningNode, startNode } from "./node.ts";
import { type Driver, defineDriver } from "./plugin/contract.ts";
import { recordingLog } from "./plugin/testkit.ts";
import type { NodeStatus } from "./status.ts";
import type { DriverSource } from "./target/types.ts";
import { untilStatus } from "./test-until.ts";

const lifeSpan = 100_000;

/**
 * Emits 0, 1, 2 …, so that a loss has a name; at each further start from the next multiple of {@link lifeSpan}, as what is
 * under way at a stop may be stored or not.
 */
export function counting(everyMs = 20): DriverSource {
  let next = 0;
  const driver = defineDriver({
    manifest: {
      name: "count",
      version: "1.0.0",
      kind: "low",
      summary: "counts",
      options: Type.Object({}),
      points: () => [],
      needs: () => ({}),
    },
    async run(_options, host, signal) {
      next = Math.ceil(next / lifeSpan) * lifeSpan;
      while (!signal.aborted) {
        await host.emit([{ name: "d/count", value: next }]);
        next++;
        await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      }
    },
  }) as Driver;
  return { names: () => ["count"], load: async () => driver };
}

export async function startHub(
  t: TestContext,
  dir: string,
  options: Partial<HubServerOptions> = {},
): Promise<HubServer> {
  const { path: natsServerPath } = await findNatsServer();
  const base = { dir: join(dir, "hub"), natsServerPath, nodes: [], enrolment: {}, log: silentLog };
  await mkdir(base.dir, { recursive: true, mode: 0o700 });
  const hub = await startHubServer({ ...base, ...options });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  await provisionStream(fleet, { log: silentLog });
  await fleet.close();
  return hub;
}

export async function tokenFor(hub: HubServer, more: Partial<TokenRequest> = {}): Promise<Token> {
  return (await issueTokens(hub.desk, [{ node: "n1", expiresInMs: 600_000, ...more }]))[0]!;
}

/** The files of a node, n1 or the token's: its target, with a link to the hub, and the token if there is one. */
export async function writeNode(dir: string, leafUrl: string, token?: Token): Promise<string> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, "node.yaml");
  const link = `link: { hub: "${leafUrl}", reconnectMs: 150 }\n`;
  await writeFile(path, `# kept\nnode: ${token?.node ?? "n1"}\n${link}plugins:\n  p1: { driver: count }\n`);
  if (token) await giveToken(dir, token);
  return path;
}

export async function giveToken(dir: string, token: Token): Promise<void> {
  await writeFile(join(dir, "enrolment-token"), `${formatToken(token)}\n`, { mode: 0o600 });
}

export interface Enrolling {
  node: RunningNode;
  /** Of its log, from warnings on. */
  complaints: string[];
  until(fits: (status: NodeStatus) => boolean): Promise<NodeStatus>;
}

export async function runNode(
  t: TestContext,
  path: string,
  drivers: DriverSource = counting(),
): Promise<Enrolling> {
  const { path: natsServerPath } = await findNatsServer();
  const complaints: string[] = [];
  const log: Log = recordingLog(({ level, message }) => {
    if (level === "warn" || level === "error") complaints.push(message);
  });
  const node = await startNode({ path, natsServerPath, log, signal: new AbortController().signal, drivers });
  t.after(() => node.stop());
  return {
    node,
    complaints,
    until: (fits) => untilStatus(node, fits, { timeoutMs: 30_000, also: complaints }),
  };
}

/** What the hub has of the node's counter, in order. */
export async function counted(hub: HubServer): Promise<HubSample[]> {
  const fleet = await hub.connectFleet();
  try {
    return await Array.fromAsync(createReader(fleet).samples({ node: "n1", plugin: "p1" }));
  } finally {
    await fleet.close();
  }
}

/** Nothing lost, nothing twice, all signed by the node's keys. */
export async function assertWhole(hub: HubServer, least: number): Promise<void> {
  const samples = await counted(hub);
  const values = samples.map(({ value }) => Number(value)).sort((a, b) => a - b);
  assert.ok(values.length >= least, `${values.length} samples`);
  const astray = values.filter((value, n) => value % lifeSpan !== 0 && values[n - 1] !== value - 1);
  assert.deepEqual(astray, [], "lost, or twice");
  assert.equal(new Set(values).size, values.length, "twice");
  assert.deepEqual([...new Set(samples.map(({ signed }) => signed))], ["verified"]);
}
