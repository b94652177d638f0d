/** Programs of plugins that go on while a node is replaced: real processes, a real nats-server, execve(2). */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { askNode } from "./cli/control-socket.ts";
import { controlPath } from "./node.ts";
import type { PluginStatus } from "./plugin/status.ts";
import type { NodeStatus } from "./status.ts";
import type { Next } from "./test-handover.ts";
import { isRunning } from "./test-process.ts";
import { createScratch } from "./test-scratch.ts";
import { untilStatus } from "./test-until.ts";

const scratch = createScratch();
const program = fileURLToPath(new URL("test-handover.ts", import.meta.url));
const byHand = fileURLToPath(new URL("../docs/examples/plugin.py", import.meta.url));

const py = (interval = "0.02") => ({ exec: ["/usr/bin/env", "python3", byHand, interval] });

class TestNode {
  readonly dir: string;
  /** Of its target. */
  readonly more: object;
  log = "";
  #targets = 0;
  #child: ChildProcess | undefined;

  constructor(dir: string, more: object) {
    this.dir = dir;
    this.more = more;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  async start(t: TestContext, plugins: object): Promise<void> {
    const args = ["--disable-warning=ExperimentalWarning", program, await this.target("node.yaml", plugins)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    child.stderr!.on("data", (chunk: Buffer) => {
      this.log += chunk;
    });
    t.after(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    });
  }

  async target(name: string, plugins: object): Promise<string> {
    const path = join(this.dir, name);
    await writeFile(path, JSON.stringify({ node: "n1", data: "./data", ...this.more, plugins }));
    return path;
  }

  /** Has it replaced by one with these plugins. */
  async replace(plugins: object, between?: Next["between"]): Promise<void> {
    const target = await this.target(`node-${++this.#targets}.yaml`, plugins);
    await writeFile(join(this.dir, "next.json"), JSON.stringify({ target, ...(between && { between }) }));
    this.#child!.kill("SIGUSR2");
    if (between === "the node is killed") await once(this.#child!, "exit");
    else await this.until((status) => status.target.path === target);
  }

  async until(fits: (status: NodeStatus) => boolean): Promise<NodeStatus> {
    const none = { target: { path: "" }, plugins: [] as PluginStatus[] } as unknown as NodeStatus;
    const status = (): Promise<NodeStatus> =>
      askNode(controlPath(join(this.dir, "data")), "/status").then(
        (answer) => answer as NodeStatus,
        () => none,
      );
    return untilStatus({ status }, fits, { timeoutMs: 60_000, also: this.log.slice(-4_000) });
  }

  /** Ids of the plugins' processes, once each has stored something more under the present node. */
  async sampling(...names: string[]): Promise<number[]> {
    const of = (status: NodeStatus) =>
      names.map((name) => status.plugins.find((plugin) => plugin.name === name));
    // What a program sends while it is being taken over counts before its process is known.
    const settled = await this.until((status) =>
      of(status).every((plugin) => plugin?.process && plugin.stored >= 10),
    );
    return of(settled).map((plugin) => plugin!.process!.pid);
  }
}

/** Nobody but a parent is told of an end. */
async function untilGone(...pids: number[]): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (pids.some(isRunning)) {
    assert.ok(performance.now() < deadline, `${pids.filter(isRunning)} live on`);
    await pause(20);
  }
}

/** What it has open, without what is closed meanwhile. */
function openOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    } catch {
      return "";
    }
  });
}

/** The process has no such file open. */
function requireNone(name: string, pid: number): void {
  const open = openOf(pid);
  assert.ok(!open.some((path) => path.includes(name)), open.join(" "));
}

const sockets = (pid: number): number => openOf(pid).filter((path) => path.startsWith("socket:")).length;

const serverPid = (dir: string): number =>
  Number(readFileSync(join(dir, "data/run/bus/nats-server.pid"), "utf8"));

async function start(t: TestContext, plugins: object, more: object = {}): Promise<TestNode> {
  const node = new TestNode(await scratch(), more);
  await node.start(t, plugins);
  return node;
}

test("who is started with the same goes on, also the second time; a change costs the changed one a start alone", async (t) => {
  const node = await start(t, { a: py(), b: py(), gone: py(), inside: py() });
  const first = await node.sampling("a", "b", "gone", "inside");
  const bus = serverPid(node.dir);
  await node.replace({
    a: py(),
    b: { ...py(), deadlineMs: 50_000 },
    inside: { driver: "system", options: { intervalMs: 1_000 } },
  });
  const second = await node.sampling("a", "b");
  assert.equal(second[0], first[0]);
  assert.notEqual(second[1], first[1]);
  assert.equal(serverPid(node.dir), bus);
  for (const pid of [node.pid, ...second]) requireNone("umec-handover", pid);
  // Of what goes on nobody else holds the ends: each has its three, and its connection, which the new one makes by and by.
  await node.until(() => second.every((pid) => sockets(pid) === 4));
  await untilGone(first[1]!, first[2]!, first[3]!);
  await node.replace({ a: py(), b: { ...py(), deadlineMs: 50_000 } });
  assert.deepEqual(await node.sampling("a", "b"), second);
  assert.equal(serverPid(node.dir), bus);
  const { plugins, outbox } = await node.until(() => true);
  assert.deepEqual(
    plugins.map(({ restarts, lastError }) => [restarts, lastError]),
    [
      [0, undefined],
      [0, undefined],
    ],
  );
  assert.equal(outbox.refusedRows, 0);
});

test("a node with a bus for applications keeps its programs, too, and the applications' port", async (t) => {
  const node = await start(t, { a: py() }, { api: { port: 0, bus: { port: 0 } } });
  const first = await node.sampling("a");
  const { api } = await node.until((status) => status.api !== undefined);
  await node.replace({ a: py() });
  assert.deepEqual(await node.sampling("a"), first);
  const again = await node.until((status) => status.api !== undefined);
  assert.deepEqual(again.api?.busUrls, api?.busUrls);
});

test("a program that ends after the switch, and nats-server too, are noticed and started again", async (t) => {
  const node = await start(t, { a: py() });
  const [first] = await node.sampling("a");
  await node.replace({ a: py() });
  assert.deepEqual(await node.sampling("a"), [first]);
  process.kill(first!, "SIGKILL");
  const of = ({ plugins }: NodeStatus) => plugins.find(({ name }) => name === "a");
  const { stored } = of(await node.until((status) => of(status)?.lastError !== undefined))!;
  const again = await node.until((status) => of(status)!.stored > stored + 5);
  assert.notEqual(of(again)?.process?.pid, first);
  assert.deepEqual(
    [of(again)?.lastError?.code, /was ended by SIGKILL/.test(of(again)?.lastError?.message ?? "")],
    ["PROCESS_ENDED", true],
  );
  assert.ok(!isRunning(first!));
  const bus = serverPid(node.dir);
  process.kill(bus, "SIGKILL");
  await untilGone(bus);
  // The example ends with its bus, and is started again.
  await node.until((status) => of(status)?.restarts === 2 && serverPid(node.dir) !== bus);
});

for (const between of ["garbage", "another format", "nats-server ends"] as const)
  test(`what is in doubt starts anew, and nothing is left: ${between}`, async (t) => {
    const node = await start(t, { a: py(), b: py() });
    const first = await node.sampling("a", "b");
    const bus = serverPid(node.dir);
    await node.replace({ a: py(), b: py() }, between);
    const second = await node.sampling("a", "b");
    assert.deepEqual(
      second.map((pid) => first.includes(pid)),
      [false, false],
    );
    await untilGone(...first, bus);
    // Keys are in it.
    for (const pid of [node.pid, ...second]) requireNone("umec-handover", pid);
    // And the node's next handover is as any.
    await node.replace({ a: py(), b: py() });
    assert.deepEqual(await node.sampling("a", "b"), second);
  });

test("a program that ends in between is started anew, and the others go on", async (t) => {
  const node = await start(t, { a: py(), b: py() });
  const first = await node.sampling("a", "b");
  await node.replace({ a: py(), b: py() }, "a program ends");
  const second = await node.sampling("a", "b");
  assert.equal(second.filter((pid, index) => pid === first[index]).length, 1);
  await untilGone(...first.filter((pid) => !second.includes(pid)));
});

test("what a node leaves that is killed in between is ended by the next start, as of any that was killed", async (t) => {
  const node = await start(t, { a: py() });
  const [first] = await node.sampling("a");
  const bus = serverPid(node.dir);
  await node.replace({ a: py() }, "the node is killed");
  await node.start(t, { a: py() });
  const [second] = await node.sampling("a");
  assert.notEqual(second, first);
  await untilGone(first!, bus);
});

test("a handover of another node's, or without a program, leaves nothing", async (t) => {
  const node = await start(t, { board: { driver: "system", options: { intervalMs: 1_000 } } });
  await node.until(({ plugins }) => plugins.some(({ stored }) => stored > 0));
  const bus = serverPid(node.dir);
  await node.replace({ a: py() });
  const [first] = await node.sampling("a");
  assert.ok(!isRunning(bus));
  await mkdir(join(node.dir, "other"));
  const target = join(node.dir, "other", "next.yaml");
  await writeFile(target, JSON.stringify({ node: "n2", data: "../data", plugins: { a: py() } }));
  await writeFile(join(node.dir, "next.json"), JSON.stringify({ target }));
  process.kill(node.pid, "SIGUSR2");
  await node.until((status) => status.node === "n2");
  const [second] = await node.sampling("a");
  assert.notEqual(second, first);
  await untilGone(first!);
});
