/**
 * A node and three neighbours in network namespaces of their own, within the tool root: there are dnsmasq, nft and ip. All
 * ends with the process that holds them. `refusal` says why it can't be had here.
 *
 *     client 10.1.0.2 ── lan0 10.1.0.1 │ node │ app0 10.2.0.1 ── server 10.2.0.2
 *                                      │      │ app1 10.3.0.1 ── tap 10.3.0.2, who has 10.2.0.2, too
 *
 * and the same with fd01::, fd02::, fd03::. The node is a router.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Order } from "./test-agent.ts";

const run = promisify(execFile);
const tools = join(import.meta.dirname, "../tools");
const node = process.execPath;
const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

export type Place = "node" | "client" | "server" | "tap";

export interface Agent {
  /** What came, in its order: `<port> <text>`. */
  readonly got: string[];
  order(order: Order): void;
  listen(...ports: number[]): Promise<void>;
  send(text: string, to: string, port: number, from?: number): void;
  /** Resolves when `<port> <text>` has come. */
  received(what: string): Promise<void>;
  resolve(name: string, type: "A" | "AAAA"): Promise<{ records?: Answer[]; error?: string }>;
}

export interface Answer {
  address: string;
  ttl: number;
}

const plan = `set -e
mount -t tmpfs run /run
ip link set lo up
on() { place=$1; shift; nsenter --net="/run/netns/$place" ip "$@"; }
far() { # <place> <interface> <network>
  ip netns add "$1"
  ip link add "$2" type veth peer name eth0 netns "$1"
  ip addr add "10.$3.0.1/24" dev "$2"
  ip addr add "fd0$3::1/64" dev "$2" nodad
  ip link set "$2" up
  on "$1" link set lo up
  on "$1" addr add "10.$3.0.2/24" dev eth0
  on "$1" addr add "fd0$3::2/64" dev eth0 nodad
  on "$1" link set eth0 up
  on "$1" route add default via "10.$3.0.1"
  on "$1" -6 route add default via "fd0$3::1"
}
far client lan0 1
far server app0 2
far tap app1 3
on tap addr add 10.2.0.2/32 dev lo
on tap addr add fd02::2/128 dev lo nodad
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
echo ready
exec cat`;

/** Why there can be none here; `undefined` if there can. */
export async function refusal(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "network namespaces take root";
  return run(join(tools, "run"), ["unshare", "--net", "nft", "list", "tables"]).then(
    () => undefined,
    (error: Error) => `this kernel has no nftables: ${error.message}`,
  );
}

export class TestNetwork implements AsyncDisposable {
  readonly #holder: ChildProcess;
  readonly #agents: ChildProcess[] = [];

  static async start(): Promise<TestNetwork> {
    const env = { ...process.env, UMEC_TOOLS_BIND: dirname(dirname(node)) };
    const holder = spawn(join(tools, "run"), ["unshare", "--net", "sh", "-c", plan], {
      stdio: ["pipe", "pipe", "inherit"],
      env,
    });
    const [line] = await Promise.race([
      once(createInterface({ input: holder.stdout! }), "line"),
      once(holder, "exit").then(([code]) => [`it ended: ${code}`]),
    ]);
    if (line !== "ready") throw new Error(`the network of the test: ${line}`);
    return new TestNetwork(holder);
  }

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /** Runs a program there; resolves with what it prints. */
  async run(place: Place, command: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const { stdout } = await run("nsenter", this.#entering(place, env, command), { maxBuffer: 2 ** 24 });
    return stdout;
  }

  async agent(place: Place): Promise<Agent> {
    const command = [node, join(import.meta.dirname, "test-agent.ts")];
    const child = spawn("nsenter", this.#entering(place, {}, command), {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#agents.push(child);
    return agentOf(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ends = [this.#holder, ...this.#agents].map((child) =>
      child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined,
    );
    for (const child of [...this.#agents, this.#holder]) child.stdin?.end();
    await Promise.all(ends);
  }

  #entering(place: Place, env: Record<string, string>, command: readonly string[]): string[] {
    const set = [path, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
    // Not `ip netns exec`, which wants the root to be a mount.
    const inside = place === "node" ? [] : ["nsenter", `--net=/run/netns/${place}`];
    const target = ["--target", `${this.#holder.pid}`, "--mount", "--net", "--root", "--wd=/"];
    return [...target, "/usr/bin/env", ...set, ...inside, ...command];
  }
}

function agentOf(child: ChildProcess): Agent {
  const got: string[] = [];
  const said: ((line: Record<string, unknown>) => void)[] = [];
  let lastId = 0;
  const order = (value: Order) => void child.stdin?.write(`${JSON.stringify(value)}\n`);
  createInterface({ input: child.stdout! }).on("line", (text) => {
    const line = JSON.parse(text) as Record<string, unknown>;
    if ("got" in line) got.push(`${line.at} ${line.got}`);
    for (const listener of [...said]) listener(line);
  });
  /** Resolves with the first line that `fits` is true of. */
  const next = <T>(fits: (line: Record<string, unknown>) => boolean) =>
    new Promise<T>((resolve) => {
      const listener = (line: Record<string, unknown>) => {
        if (!fits(line)) return;
        said.splice(said.indexOf(listener), 1);
        resolve(line as T);
      };
      said.push(listener);
    });
  return {
    got,
    order,
    listen: async (...ports) => {
      for (const port of ports) {
        const listens = next((line) => line.listens === port);
        order({ listen: port });
        await listens;
      }
    },
    send: (text, to, port, from = port) => order({ send: text, to, port, from }),
    received: async (what) => {
      if (got.includes(what)) return;
      await next((line) => `${line.at} ${line.got}` === what);
    },
    resolve: (name, type) => {
      const id = ++lastId;
      const answer = next<{ records?: Answer[]; error?: string }>((line) => line.id === id);
      order({ resolve: name, type, id });
      return answer;
    },
  };
}
