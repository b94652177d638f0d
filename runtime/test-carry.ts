/** A real hub, a node's real bus, the leaf link between them through a network that is cut at given bytes. */
import { createServer, connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "./bus/types.ts";
import { uploadBundle } from "./hub/ota-store.ts";
import { type HubServer, startHubServer } from "./hub/server.ts";
import { silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import type { TestBundle } from "./ota/test-bundle.ts";
import { startLinkedBus } from "./test-linked-bus.ts";
import { type FetchOptions, fetchBundle } from "./update/carry/fetch.ts";
import { LeafSource } from "./update/carry/leaf-source.ts";

export interface ByteProxy {
  readonly port: number;
  /** From the hub to the node. */
  readonly bytes: number;
  /** Cuts all connections after each of so many more bytes. */
  cutAfter(bytes: readonly number[]): void;
  readonly cuts: number;
  /** Refuses, or not; what is open is cut. */
  setOpen(open: boolean): void;
}

export interface CarryRig {
  dir: string;
  hub: HubServer;
  fleet: NatsConnection;
  proxy: ByteProxy;
  bus: Bus;
  link: NatsConnection;
  /** Subjects that were asked for, with how often. */
  asked: Map<string, number>;
  upload(bundle: TestBundle): ReturnType<typeof uploadBundle>;
  fetch(bundle: TestBundle, options?: Partial<FetchOptions>): Promise<string>;
}

export async function startRig(t: TestContext, dir: string): Promise<CarryRig> {
  const natsServerPath = (await findNatsServer()).path;
  const hub = await startHubServer({
    dir: join(dir, "hub"),
    natsServerPath,
    nodes: ["n1", "n2"],
    log: silentLog,
  });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  const proxy = await startByteProxy(t, Number(new URL(hub.leafUrl.replace("nats-leaf", "http")).port));
  const bus = await startLinkedBus({ dir, hub, port: proxy.port });
  t.after(() => bus.stop());
  const link = await bus.connectLink();
  t.after(() => link.close());
  const asked = new Map<string, number>();
  const request = link.request.bind(link);
  link.request = (subject, ...rest) => {
    asked.set(subject, (asked.get(subject) ?? 0) + 1);
    return request(subject, ...rest);
  };
  const { signal } = new AbortController();
  return {
    ...{ dir, hub, fleet, proxy, bus, link, asked },
    upload: ({ path, info }) => uploadBundle({ nc: fleet, path, info, signal }),
    async fetch(bundle, options = {}) {
      const ended = new AbortController();
      const source = new LeafSource({ connection: link, leaf: bus, log: silentLog, signal: ended.signal });
      try {
        return await fetchBundle({
          source,
          bundle: bundle.info,
          seeds: [],
          dir: join(dir, "incoming"),
          rateBytesPerS: 1e9,
          reserveBytes: 0,
          log: silentLog,
          signal,
          ...options,
        });
      } finally {
        ended.abort();
      }
    },
  };
}

async function startByteProxy(t: TestContext, port: number): Promise<ByteProxy> {
  const sockets = new Set<Socket>();
  let open = true;
  let bytes = 0;
  let cuts = 0;
  let budgets: number[] = [];
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((near) => {
    if (!open) return void near.destroy();
    const far = dial(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on("data", (data) => void far.write(data));
    far.on("data", (data: Buffer) => {
      const [left] = budgets;
      bytes += Math.min(data.length, left ?? data.length);
      if (left === undefined) return void near.write(data);
      budgets[0] = left - data.length;
      if (budgets[0] > 0) return void near.write(data);
      budgets.shift();
      cuts++;
      near.write(data.subarray(0, left), cut);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    cut();
  });
  return {
    port: (server.address() as { port: number }).port,
    get bytes() {
      return bytes;
    },
    get cuts() {
      return cuts;
    },
    cutAfter: (list) => {
      budgets = [...list];
    },
    setOpen(now) {
      open = now;
      if (!now) cut();
    },
  };
}
