/** Real nats-servers on loopback from the files that `initHub` lays out, for tests. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import type { KeyPair } from "@nats-io/nkeys";
import { isUmecError } from "../errors.ts";
import { type ClusterHub, type ClusterHubOptions, startClusterHub } from "../hub/cluster-hub.ts";
import { HubKeys } from "../hub/server-keys.ts";
import { provisionStream } from "../hub/stream.ts";
import { silentLog } from "../log.ts";
import { connectUser, createUser, type ServerAddress } from "../nats/claims.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { caFileOf } from "./authority.ts";
import { type HubInitOptions, initHub } from "./init.ts";
import { clientUrls, copiesOf, type HubSetup, type HubSite, layout, leafUrls } from "./setup.ts";

export interface TestSites {
  root: string;
  setup: HubSetup;
  address: ServerAddress;
  leafUrls: string[];
  start(site: HubSite): Promise<void>;
  /** SIGKILL, as a server whose power is cut. */
  kill(site: HubSite): Promise<void>;
  hangUp(site: HubSite): void;
  /** Is done before the servers are killed, the last first: a client that is closed while it dials may never end. */
  beforeEnd(end: () => unknown): void;
}

export async function startSites(
  t: TestContext,
  root: string,
  count: 1 | 3,
  more: Partial<HubInitOptions> = {},
): Promise<TestSites> {
  const ports = await freePorts(3 * count);
  const servers = Array.from(
    { length: count },
    (_, n) => `127.0.0.1:${ports.slice(3 * n, 3 * n + 3).join(":")}`,
  );
  const setup = await initHub({ dir: root, servers, listen: "127.0.0.1", ...more });
  const { path } = await findNatsServer();
  const running = new Map<string, ChildProcess>();
  const ends: (() => unknown)[] = [];
  t.after(async () => {
    for (const end of ends.toReversed()) await end();
    for (const child of running.values()) child.kill("SIGKILL");
    await Promise.all([...running.values()].map(ended));
  });
  const start = async (site: HubSite): Promise<void> => {
    const child = spawn(path, ["-c", `${site.name}.conf`], {
      cwd: join(root, site.name),
      stdio: ["ignore", "ignore", "pipe"],
    });
    running.set(site.name, child);
    const ready = Promise.withResolvers<void>();
    const said: string[] = [];
    createInterface({ input: child.stderr! }).on("line", (line) => {
      if (said.push(line) > 20) said.shift();
      if (process.env.UMEC_TEST_LOG) console.error(site.name, line);
      if (line.endsWith("Server is ready")) ready.resolve();
    });
    child.once("exit", () => ready.reject(new Error(said.join("\n"))));
    ready.promise.catch(() => undefined);
    await ready.promise;
  };
  await Promise.all(setup.sites.map(start));
  return {
    root,
    setup,
    address: { url: clientUrls(setup), tls: { caFile: layout.ca(root), handshakeFirst: true } },
    leafUrls: leafUrls(setup),
    start,
    async kill(site) {
      const child = running.get(site.name)!;
      child.kill("SIGKILL");
      await ended(child);
    },
    hangUp: (site) => void running.get(site.name)!.kill("SIGHUP"),
    beforeEnd: (end) => void ends.push(end),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

export async function startService(
  { root, setup, address, beforeEnd }: TestSites,
  more: Partial<ClusterHubOptions> = {},
): Promise<ClusterHub> {
  const hub = await startClusterHub({
    dir: layout.secret(root),
    address,
    replicas: copiesOf(setup),
    caFile: caFileOf(layout.tls(root)),
    provision: async (fleet) => {
      await eventually(() => provisionStream(fleet, { replicas: copiesOf(setup), log: silentLog }));
    },
    log: silentLog,
    ...more,
  });
  beforeEnd(() => hub[Symbol.asyncDispose]());
  return hub;
}

/** A user who may do all in the fleet's, or the system's account. */
export async function connectAs(
  { root, address, beforeEnd }: TestSites,
  account: "fleet" | "system" | KeyPair,
): Promise<NatsConnection> {
  const keys = await HubKeys.open(layout.secret(root));
  const key = typeof account === "string" ? keys[account] : account;
  const credentials = await createUser(key, "test", {});
  const nc = await connectUser({ ...address, credentials, name: "test", inboxPrefix: "_INBOX_test" });
  beforeEnd(() => nc.close());
  return nc;
}

/** A cluster takes a moment to elect its leaders, and to give an account JetStream that it has just heard of. */
export async function eventually<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const passing = ["HUB_NOT_READY", "HUB_NO_ANSWER", "HUB_NO_JETSTREAM"].some((code) =>
        isUmecError(error, code),
      );
      if (!passing || performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** Asks until `fits`, for at most a minute. */
export async function until<T>(ask: () => Promise<T>, fits: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const value = await ask();
    if (fits(value)) return value;
    assert.ok(performance.now() < deadline, JSON.stringify(value));
    await sleep(50);
  }
}

/** The target file of a node n1 that counts, with its hub's CA beside it. */
export async function writeLinkedNode(dir: string, urls: readonly string[], ca: string): Promise<string> {
  const path = join(dir, "node.yaml");
  await writeFile(join(dir, "hub-ca.pem"), ca);
  const link = `link: { hub: ${JSON.stringify(urls)}, ca: ./hub-ca.pem, reconnectMs: 150 }\n`;
  await writeFile(path, `node: n1\n${link}plugins:\n  p1: { driver: count }\n`);
  return path;
}

/** Servers of a cluster must know each other's ports before they start. */
async function freePorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(sockets.map((socket) => once(socket, "listening")));
  const ports = sockets.map((socket) => (socket.address() as AddressInfo).port);
  await Promise.all(sockets.map((socket) => once(socket.close(), "close")));
  return ports;
}
