/**
 * The hub of a bench, in a process of its own, behind a proxy that counts what goes over the wire: so node and
 * hub do not share an event loop, as they do not in the field.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { startCutProxy } from "../runtime/demo/cut-proxy.ts";
import { startHubServer } from "../runtime/hub/server.ts";
import { provisionStream } from "../runtime/hub/stream.ts";
import { silentLog } from "../runtime/log.ts";
import { findNatsServer } from "../runtime/nats/find-server.ts";
import type { Bench } from "./kit/bench.ts";
import { natsServerPid } from "./kit/process.ts";

export interface RemoteHub {
  /** Leads through the proxy. */
  leafUrl: string;
  credentialsFile: string;
  natsServerPid: number;
  /** Bytes from the node to the hub so far. */
  sentBytes(): Promise<number>;
}

export const node = "bench";

type Ready = Omit<RemoteHub, "sentBytes">;

export async function startRemoteHub(bench: Bench): Promise<RemoteHub> {
  const child = fork(import.meta.filename, [`${bench.dir}/hub`], {
    env: { ...process.env, BENCH_LINK_HUB: "1" },
  });
  const exited = once(child, "exit");
  bench.defer(async () => {
    if (child.connected) child.disconnect();
    await exited;
  });
  const ready = (await next(child, exited)) as Ready;
  return {
    ...ready,
    async sentBytes() {
      const answer = next(child, exited);
      child.send("bytes");
      return (await answer) as number;
    },
  };
}

async function next(child: ChildProcess, exited: Promise<unknown[]>): Promise<unknown> {
  const ended = exited.then(([code]) => {
    throw new Error(`the hub's process ended with ${code}`);
  });
  const [message] = (await Promise.race([once(child, "message"), ended])) as [unknown];
  return message;
}

async function serve(dir: string): Promise<void> {
  const ended = once(process, "disconnect");
  // Ctrl-C reaches the whole group; the bench ends us when its node is gone.
  process.on("SIGINT", () => {});
  const { path: natsServerPath } = await findNatsServer();
  await using hub = await startHubServer({ dir, natsServerPath, nodes: [node], log: silentLog });
  const fleet = await hub.connectFleet();
  await provisionStream(fleet, { log: silentLog });
  await fleet.close();
  const { hostname, port } = new URL(hub.leafUrl.replace("nats-leaf", "http"));
  await using proxy = await startCutProxy({ host: hostname, port: Number(port) });
  process.on("message", () => process.send?.(proxy.sentBytes));
  const ready: Ready = {
    leafUrl: `nats-leaf://127.0.0.1:${proxy.port}`,
    credentialsFile: hub.credentialsFile(node),
    natsServerPid: natsServerPid(dir),
  };
  if (process.connected) process.send?.(ready);
  await ended;
}

if (process.env.BENCH_LINK_HUB) await serve(process.argv[2] ?? "");
