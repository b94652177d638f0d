/**
 * The demo's stage: a hub and a node as processes, the network between them, and the devices.
 *
 *     devices ── node ── leaf link through the cut proxy ── hub ── reader
 *
 * Everything listens on free ports of loopback and writes to one temporary directory. What was started is ended
 * in the opposite order, also when the set-up fails half-way; when the process must go at once, all is killed
 * and the directory removed.
 */
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { askNode } from "../cli/control-socket.ts";
import { connectHub } from "../cli/hub-connect.ts";
import type { HubReady } from "../cli/hub-serve.ts";
import { UmecError } from "../errors.ts";
import type { NodeStatus } from "../status.ts";
import { type CutProxy, startCutProxy } from "./cut-proxy.ts";
import { nodeName, secretName, writeNodeFile } from "./node-file.ts";
import { type Simulators, startSimulators } from "./simulators.ts";
import { startUmec } from "./umec-process.ts";
import { waitFor } from "./wait-for.ts";

export interface Scene extends AsyncDisposable {
  readonly devices: Simulators;
  /** The network between node and hub. */
  readonly network: CutProxy;
  /** At the hub, in the fleet's account. */
  readonly fleet: NatsConnection;
  status(): Promise<NodeStatus>;
  /** Puts the plugins into the node's file, or takes them out; the node follows. */
  setPlugins(wanted: boolean): Promise<void>;
  /** Rejects when hub or node ends by itself. */
  readonly failed: Promise<never>;
}

/** Longest time until node and hub are linked. */
const startMs = 30_000;

/** Resolves when the node, without plugins yet, is linked to the hub. */
export async function startScene(signal: AbortSignal, onStep: (step: string) => void): Promise<Scene> {
  await using started = new AsyncDisposableStack();
  const dir = await temporaryDirectory(started);
  const hubDir = join(dir, "hub");
  const dataPath = join(dir, "node");

  onStep("starting the devices: an energy meter, a vibration sensor, a weather station");
  const devices = started.use(await startSimulators());
  await mkdir(join(dataPath, "secrets"), { recursive: true, mode: 0o700 });
  await writeFile(join(dataPath, "secrets", secretName), devices.stationToken, { mode: 0o600 });

  onStep("starting the hub");
  const listen = ["--listen", "127.0.0.1:0", "--leaf-listen", "127.0.0.1:0"];
  const hub = startUmec({
    args: ["hub", "--json", "--data", hubDir, "--node", nodeName, ...listen],
    natsDir: hubDir,
  });
  defer(started, hub);
  const ready = JSON.parse(await orAbort(hub.firstLine, signal)) as HubReady;
  const fleet = await connectHub({ url: ready.clientUrl, creds: ready.fleetCredentials });
  started.defer(() => fleet.close());
  const network = started.use(await startCutProxy(addressOf(ready.leafUrl)));

  onStep("starting the node");
  const path = join(dir, "node.yaml");
  const file = {
    dataPath,
    hubUrl: `nats-leaf://127.0.0.1:${network.port}`,
    credentialsPath: ready.credentials[nodeName]!,
  };
  await writeNodeFile(path, file);
  const node = startUmec({ args: ["run", path], natsDir: join(dataPath, "run", "bus") });
  defer(started, node);
  const failed = Promise.race([hub.failed, node.failed]);
  failed.catch(() => undefined);
  const socketPath = join(dataPath, "run", "umec.sock");
  const status = async () => (await askNode(socketPath, "/status")) as NodeStatus;
  const linked = async () => {
    const { link } = await status();
    if (link.state === "refused")
      throw new UmecError("DEMO_LINK", `the hub refuses the node: ${link.reason}`);
    return link.state === "up";
  };
  const isUp = await Promise.race([waitFor(linked, { withinMs: startMs, signal }), failed]);
  if (!isUp) throw new UmecError("DEMO_LINK", `node and hub were not linked within ${startMs} ms`);

  const kept = started.move();
  return {
    devices,
    network,
    fleet,
    status,
    setPlugins: (wanted) => writeNodeFile(path, wanted ? { ...file, devices } : file),
    failed,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function temporaryDirectory(started: AsyncDisposableStack): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "umec-demo-"));
  // Runs after the processes that write to it were killed: exit listeners are called in their order.
  const removeNow = () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  process.once("exit", removeNow);
  started.defer(async () => {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    process.off("exit", removeNow);
  });
  return dir;
}

function defer(started: AsyncDisposableStack, running: ReturnType<typeof startUmec>): void {
  process.prependOnceListener("exit", running.killNow);
  started.defer(async () => {
    await running.stop();
    process.off("exit", running.killNow);
  });
}

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  return Promise.race([promise, aborted.promise]).finally(() => signal.removeEventListener("abort", abort));
}
