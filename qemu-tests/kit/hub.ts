/**
 * The hub outside: `umec hub` as a process of its own, and what is stored there.
 *
 * It keeps its ports over `restart`, so nodes and readers find it again. What it stored lies in a temporary folder
 * that goes with it.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connect, credsAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { UmecError } from "../../runtime/errors.ts";
import { createNodeRecords } from "../../runtime/hub/node-records.ts";
import { createReader } from "../../runtime/hub/reader.ts";
import type { HubSample } from "../../runtime/hub/sample.ts";
import { type NodeRecord, nodesBucket } from "../../runtime/hub-nodes-wire.ts";
import type { HubSide } from "./board-options.ts";
import { followSamples, type SampleQuery } from "./hub-follow.ts";

export interface HubOptions {
  /** Names of the nodes that may link. */
  nodes: readonly string[];
  /** Stops it. */
  signal?: AbortSignal;
}

/** The line that `umec hub --json` prints when it takes connections. */
interface Ready {
  clientUrl: string;
  leafUrl: string;
  fleetCredentials: string;
  credentials: Record<string, string>;
}

export interface AwaitSample extends SampleQuery {
  /** The sample that is waited for. @default any */
  where?: (sample: HubSample) => boolean;
  /** @default 60_000 */
  timeoutMs?: number;
}

const umec = fileURLToPath(new URL("../../node_modules/.bin/umec", import.meta.url));
const startMs = 60_000;

export class Hub implements HubSide, AsyncDisposable {
  readonly #dir: string;
  readonly #nodes: readonly string[];
  readonly #kill = () => void this.#process?.kill("SIGTERM");
  readonly #signal: AbortSignal | undefined;
  #process: ChildProcess | undefined;
  #ready: Ready | undefined;

  private constructor(dir: string, { nodes, signal }: HubOptions) {
    this.#dir = dir;
    this.#nodes = nodes;
    this.#signal = signal;
    // It ends its nats-server when it is asked to end, and would leave it behind if it was killed.
    process.once("exit", this.#kill);
    signal?.addEventListener("abort", this.#kill, { once: true });
  }

  /** Resolves when nodes can link. @throws UmecError `HUB_START_FAILED` with its last words */
  static async start(options: HubOptions): Promise<Hub> {
    options.signal?.throwIfAborted();
    const hub = new Hub(await mkdtemp(join(tmpdir(), "umec-hub-")), options);
    try {
      await hub.#start();
    } catch (error) {
      await hub[Symbol.asyncDispose]();
      throw error;
    }
    return hub;
  }

  /** For `umec … --url`. */
  get clientUrl(): string {
    return this.#now().clientUrl;
  }

  /** Credentials file of the user that reads all nodes, for `umec … --creds`. */
  get fleetCredentials(): string {
    return this.#now().fleetCredentials;
  }

  leaf(): { host: string; port: number } {
    const { hostname, port } = new URL(this.#now().leafUrl);
    return { host: hostname, port: Number(port) };
  }

  credentialsFile(node: string): string {
    const path = this.#now().credentials[node];
    if (path !== undefined) return path;
    throw new UmecError("HUB_NODE_UNKNOWN", `the hub was not started with a node ${node}`, {
      hint: "name it in `nodes` of Hub.start",
    });
  }

  /** Makes a token with which a board enrols under that name. */
  async token(node: string): Promise<string> {
    const args = ["hub", "token", "--data", join(this.#dir, "data"), "--name", node];
    return (await promisify(execFile)(umec, args)).stdout.trim();
  }

  /** What the hub knows of a node that has enrolled. */
  async record(node: string): Promise<NodeRecord | undefined> {
    await using connection = await this.#connect();
    return (await createNodeRecords(connection.nc).get(node))?.record;
  }

  /** Resolves when the hub writes a node down as enrolled, which it does just before it answers; or when `signal` aborts. */
  async enrols(node: string, signal: AbortSignal): Promise<void> {
    await using connection = await this.#connect();
    const written = connection.nc.subscribe(`$KV.${nodesBucket}.${node}`, { max: 1 });
    signal.addEventListener("abort", () => written.unsubscribe(), { once: true });
    if (signal.aborted) written.unsubscribe();
    for await (const _ of written) return;
  }

  /** Stops the hub and starts it again on the same ports and data; `whileDown` runs in between. */
  async restart(whileDown: () => Promise<void> = async () => undefined): Promise<void> {
    await this.#stop();
    await whileDown();
    await this.#start();
  }

  /**
   * Waits for a sample to be stored; also one that was stored before this call, unless `storedFromMs` says otherwise.
   *
   * @throws UmecError `HUB_NO_SAMPLE` with what came instead
   */
  async sample({ where = () => true, timeoutMs = 60_000, ...query }: AwaitSample): Promise<HubSample> {
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(query.signal ? [query.signal] : [])]);
    const last: string[] = [];
    let seen = 0;
    for await (const sample of this.follow({ ...query, signal })) {
      if (where(sample)) return sample;
      seen++;
      last.push(
        `${new Date(sample.timeMs).toISOString()} ${sample.name} ${sample.value} ${sample.unit ?? ""}`,
      );
      if (last.length > 5) last.shift();
    }
    query.signal?.throwIfAborted();
    const of = `${query.node}/${query.plugin}/${query.name ?? "…"}`;
    const instead =
      seen === 0 ? "none at all came" : `${seen} others came, the last:\n  ${last.join("\n  ")}`;
    throw new UmecError(
      "HUB_NO_SAMPLE",
      `no such sample of ${of} was stored within ${timeoutMs} ms; ${instead}`,
    );
  }

  /** Samples as they are stored, from the first one that is there; ends with the signal. */
  async *follow(query: SampleQuery): AsyncGenerator<HubSample> {
    // A connection of its own: one that a restart has broken would answer nothing for a while.
    await using connection = await this.#connect();
    yield* followSamples(connection.nc, query);
  }

  /** All that is stored now, in the order in which the node took it. */
  async samples(query: SampleQuery): Promise<HubSample[]> {
    const { node, plugin, name, lane, signal } = query;
    await using connection = await this.#connect();
    const reader = createReader(connection.nc);
    const asked = {
      node,
      plugin,
      ...(name !== undefined && { name }),
      ...(lane && { lane }),
      ...(signal && { signal }),
    };
    return await Array.fromAsync(reader.samples(asked));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off("exit", this.#kill);
    this.#signal?.removeEventListener("abort", this.#kill);
    await this.#stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const client = this.#ready ? new URL(this.#ready.clientUrl).port : "0";
    const leaf = this.#ready ? new URL(this.#ready.leafUrl).port : "0";
    const args = [
      ...["hub", "--data", join(this.#dir, "data"), "--json", "--log-level", "warn"],
      ...["--listen", `127.0.0.1:${client}`, "--leaf-listen", `127.0.0.1:${leaf}`],
      ...this.#nodes.flatMap((node) => ["--node", node]),
    ];
    const child = spawn(umec, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    let words = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-8000);
    });
    const signal = AbortSignal.any([AbortSignal.timeout(startMs), ...(this.#signal ? [this.#signal] : [])]);
    const lines = createInterface({ input: child.stdout });
    const line = once(lines, "line", { signal }) as Promise<[string]>;
    line.catch(() => undefined);
    const ended = once(child, "exit").then(() => undefined);
    try {
      const first = await Promise.race([line, ended]);
      if (!first) throw new Error("it ended");
      this.#ready = JSON.parse(first[0]) as Ready;
    } catch (cause) {
      this.#signal?.throwIfAborted();
      throw new UmecError("HUB_START_FAILED", `umec hub did not start: ${words.trim() || String(cause)}`, {
        cause,
      });
    }
  }

  async #stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  }

  async #connect(): Promise<AsyncDisposable & { nc: NatsConnection }> {
    const { clientUrl, fleetCredentials } = this.#now();
    const nc = await connect({
      servers: clientUrl,
      authenticator: credsAuthenticator(await readFile(fleetCredentials)),
      name: "qemu-tests",
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 200,
    });
    return { nc, [Symbol.asyncDispose]: () => nc.close() };
  }

  #now(): Ready {
    if (this.#ready) return this.#ready;
    throw new UmecError("HUB_START_FAILED", "the hub was not started");
  }
}
