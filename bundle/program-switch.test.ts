/** Programs on a real bundle's data: from one to the next with samples under way to a real hub, and back from bad ones. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { askNode } from "../runtime/cli/control-socket.ts";
import { connectHub } from "../runtime/cli/hub-connect.ts";
import type { HubReady } from "../runtime/cli/hub-serve.ts";
import { type RunningProgram, startUmec } from "../runtime/cli/test-program.ts";
import { auditNode } from "../runtime/hub/audit.ts";
import { createReader } from "../runtime/hub/reader.ts";
import type { NodeStatus } from "../runtime/status.ts";
import { createScratch } from "../runtime/test-scratch.ts";
import { readState } from "../runtime/update/program/state.ts";
import { type Issued, issue } from "../runtime/update/program/test-pki.ts";
import { makeProgramArtifact } from "./program-artifact.ts";
import { buildScripts } from "./scripts.ts";
import { makeTestBundle, start } from "./test-bundle.ts";

const scratch = createScratch();
const counter = fileURLToPath(new URL("test-counter.ts", import.meta.url));
/** It speaks NATS by hand, and ends when the bus closes its connection. */
const byHand = fileURLToPath(new URL("../docs/examples/plugin.py", import.meta.url));
let umec: string;
let files: string;
let signer: Issued;
let keyring: string;
let hub: RunningProgram;
let hubReady: HubReady;

before(async () => {
  files = await scratch();
  umec = join((await makeTestBundle(files)).dir, "bin/umec");
  const root = await issue(files, "root", { ca: true });
  keyring = root.certificatePath;
  signer = await issue(files, "signer", { by: root });
  const data = await scratch();
  const listen = ["--listen", "127.0.0.1:0", "--leaf-listen", "127.0.0.1:0"];
  hub = startUmec([
    "hub",
    "--data",
    data,
    ...listen,
    "--json",
    "--node",
    "n1",
    "--node",
    "n2",
    "--node",
    "n3",
    "--node",
    "n4",
  ]);
  hubReady = JSON.parse(await hub.firstLine());
});
after(() => hub?.[Symbol.asyncDispose]());

/** A version that stands for each that is asked for: the scripts are built once. */
const anyVersion = "0.0.0-any-version";
const built = buildScripts(undefined, anyVersion);

/** This tree's scripts as another version, with something before them, and whether they take programs over. */
async function program(version: string, before = "", takesOver = true): Promise<string> {
  const { modules, operatorModules } = await built;
  const scripts = [...modules].filter(([name]) => !operatorModules.has(name));
  const changed = scripts.map(([name, bytes]) => {
    const content = Buffer.from(Buffer.from(bytes).toString().replaceAll(anyVersion, version));
    if (name !== "umec.mjs") return [name, content] as const;
    // Imports of a module run first, so what comes before them lies in one of its own; behind the line for the kernel.
    const text = content.toString().replace("\n", '\nimport"./before.mjs";');
    return [name, Buffer.from(text)] as const;
  });
  const path = join(files, `${version}.umecjs`);
  const { certificate: certificates, sign } = signer;
  const all = new Map([...changed, ["before.mjs", Buffer.from(before)] as const]);
  await writeFile(
    path,
    await makeProgramArtifact({
      ...{ version, builtAt: new Date(), certificates, sign, files: all, level: 1 },
      ...(!takesOver && { handover: undefined }),
    }),
  );
  return path;
}

/** A node that is started again as systemd would (umec.service), but without waiting. */
class TestNode implements AsyncDisposable {
  readonly name: string;
  readonly dir: string;
  readonly store: string;
  /** Ids of its processes. */
  readonly pids: number[] = [];
  log = "";
  #child: ChildProcess | undefined;
  #stopping = false;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(name: string, dir: string) {
    this.name = name;
    this.dir = dir;
    this.store = join(dir, "program");
  }

  static async start(name: string): Promise<TestNode> {
    const node = new TestNode(name, await scratch());
    const { leafUrl, credentials } = hubReady;
    const target = {
      node: name,
      link: { hub: leafUrl, credentials: credentials[name] },
      plugins: {
        counter: { exec: [process.execPath, "--disable-warning=ExperimentalWarning", counter] },
        hand: { exec: ["/usr/bin/env", "python3", byHand, "0.05"] },
        board: { driver: "system", options: { intervalMs: 1_000 } },
        apart: { driver: "system", isolate: "process", options: { intervalMs: 1_000 } },
      },
    };
    await writeFile(join(node.dir, "node.yaml"), JSON.stringify(target));
    node.#run();
    return node;
  }

  get env() {
    return { UMEC_PROGRAM_DIR: this.store, UMEC_KEYRING: keyring };
  }

  #run(): void {
    const env = { PATH: "/usr/bin:/bin", ...this.env };
    const stdio = ["ignore", "ignore", "pipe"] as const;
    const child = spawn(umec, ["run", "--log-format", "json"], { cwd: this.dir, env, stdio: [...stdio] });
    this.#child = child;
    this.pids.push(child.pid!);
    child.stderr!.on("data", (chunk: Buffer) => {
      this.log += chunk;
    });
    this.#ended = once(child, "exit").then(([code]) => {
      this.#child = undefined;
      if (!this.#stopping && code !== 0 && code !== 2 && code !== 3) this.#run();
    });
  }

  async status(): Promise<NodeStatus | undefined> {
    return askNode(join(this.dir, "data/run/umec.sock"), "/status").then(
      (status) => status as NodeStatus,
      () => undefined,
    );
  }

  /** A node does not tell of changes, so it is asked. */
  async until(
    what: string,
    fits: (status: NodeStatus | undefined) => boolean,
    withinMs = 60_000,
  ): Promise<void> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const status = await this.status();
      if (fits(status)) return;
      assert.ok(
        performance.now() < deadline && this.#child,
        `no ${what}: ${JSON.stringify(status)}\n${this.log}`,
      );
      await pause(50);
    }
  }

  /** Runs that version, which is not on trial, and its plugins sample. */
  settled(version: string): Promise<void> {
    return this.until(`settled ${version}`, (status) => {
      if (status?.version !== version || readState(this.store).state.trial) return false;
      // The drivers sample once a second.
      const enough = (name: string) => (name === "counter" || name === "hand" ? 5 : 0);
      return status.plugins.length === 4 && status.plugins.every(({ name, stored }) => stored > enough(name));
    });
  }

  /** Ids of the plugins' processes. */
  async plugins(): Promise<Record<string, number | undefined>> {
    const { plugins = [] } = (await this.status()) ?? {};
    return Object.fromEntries(plugins.map(({ name, process: started }) => [name, started?.pid]));
  }

  async install(path: string, ...options: string[]): Promise<void> {
    const args = ["program-install", path, ...options];
    const { code, stderr } = await start(umec, args, { cwd: this.dir, env: this.env }).ended;
    assert.equal(code, 0, stderr);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child?.kill("SIGTERM");
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** The numbers that the hub has of a node's counter, with their times, and whether the outbox kept its promise. */
async function atHub(name: string, plugin = "counter", of = "count") {
  const nc = await connectHub({ url: hubReady.clientUrl, creds: hubReady.fleetCredentials });
  try {
    const series = async (plugin: string, of: string) => {
      const found: { value: unknown; timeMs: number }[] = [];
      for await (const { value, timeMs } of createReader(nc).samples({ node: name, plugin, name: of }))
        found.push({ value, timeMs });
      return found;
    };
    const audit = await auditNode(nc, { node: name });
    return { audit, counts: await series(plugin, of), series };
  } finally {
    await nc.close();
  }
}

test("from one program to the next and the one after, no sample is lost and none is there twice", async (t) => {
  await using node = await TestNode.start("n1");
  await node.settled("0.1.0");
  const [first] = node.pids;
  const before = await node.plugins();
  for (const version of ["0.2.0", "0.2.1"]) {
    await node.install(await program(version));
    await node.settled(version);
    const { counter: itself, hand } = await node.plugins();
    assert.deepEqual([itself, hand], [before.counter, before.hand], node.log);
  }
  const { code, stderr } = await start(umec, ["update", await program("0.3.0")], { cwd: node.dir }).ended;
  assert.equal(code, 0, stderr);
  await node.settled("0.3.0");
  const { counter: itself, hand, apart: isolated } = await node.plugins();
  assert.deepEqual([itself, hand], [before.counter, before.hand], node.log);
  // A driver of the bundle is a part of the scripts.
  assert.notEqual(isolated, before.apart);
  const command = readFileSync(`/proc/${isolated}/cmdline`, "utf8").split("\0");
  assert.ok(command.includes(join(node.store, "a", "umec.mjs")), command.join(" "));
  // systemd would have noticed nothing: execve keeps the process.
  assert.deepEqual(node.pids, [first]);
  await node.stop();

  const { audit, counts } = await atHub("n1");
  assert.ok(audit.ok, JSON.stringify(audit));
  const count = Number(await readFile(join(node.dir, "data/plugins/counter/count"), "utf8"));
  assert.deepEqual(
    counts.map(({ value }) => value),
    Array.from({ length: count }, (_, index) => index + 1),
  );
  const byHands = (await atHub("n1", "hand", "board/count")).counts.map(({ value }) => value);
  assert.ok(byHands.length > 50);
  assert.deepEqual(
    byHands,
    byHands.map((_, index) => index),
  );
  const gaps = counts.slice(1).map(({ timeMs }, index) => Math.round(timeMs - counts[index]!.timeMs));
  const longest = gaps.toSorted((a, b) => b - a).slice(0, 3);
  t.diagnostic(`between samples at the three switches: ${longest.join(", ")} ms`);
});

const muted = 'process.env.PATH += ":/mute";';
const bad: Record<
  string,
  { version: string; before: string; reason: RegExp; starts: number; keeps?: boolean }
> = {
  "that throws when it is loaded": {
    version: "0.4.0",
    before: 'throw new TypeError("no such thing");',
    reason: /it can't be loaded: no such thing/,
    starts: 0,
    keeps: true,
  },
  "that ends by an error again and again": {
    version: "0.4.1",
    before: 'setTimeout(() => { throw new RangeError("too far"); }, 100); await new Promise(() => {});',
    reason: /not good after its last start, which ended with status 1: too far/,
    starts: 3,
  },
  "that refuses the node's file, after which systemd would not start it again": {
    version: "0.4.2",
    before: "process.exit(3);",
    reason: /it ended with status 3, and is not started again/,
    starts: 1,
  },
  "whose plugin does not sample": {
    version: "0.4.3",
    before: muted,
    reason: /not healthy after 5 s: (?:waiting for plugin apart; )?waiting for plugin counter/,
    starts: 0,
  },
  "that hangs": {
    version: "0.4.4",
    // Its thread waits for ever, and nothing else runs in it; in a loop it would take a core from the others.
    before: "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
    reason: /it hangs: it was neither good nor gave up within 10 s/,
    starts: 1,
  },
};

test("from a bad program what ran before comes back by itself, says why, and nothing is lost", async (t) => {
  await using node = await TestNode.start("n2");
  await node.settled("0.1.0");
  await node.install(await program("0.3.1"));
  await node.settled("0.3.1");
  for (const [name, { version, before, reason, starts, keeps = false }] of Object.entries(bad)) {
    await t.test(`one ${name}`, async () => {
      const processes = node.pids.length;
      const plugins = await node.plugins();
      await node.install(await program(version, before), "--deadline", "5");
      const fell = new RegExp(`${version.replaceAll(".", "\\.")}.*${reason.source}`);
      await node.until(
        `fall-back of ${version}`,
        (status) =>
          status?.version === "0.3.1" && fell.test(`${node.log}${JSON.stringify(readState(node.store))}`),
      );
      await node.settled("0.3.1");
      assert.equal(readState(node.store).state.current?.version, "0.3.1");
      assert.equal(node.pids.length - processes, starts, node.log);
      const { counter: itself, hand } = await node.plugins();
      const goOn = itself === plugins.counter && hand === plugins.hand;
      assert.equal(goOn, keeps, node.log);
    });
  }
  await node.stop();
  const { audit, counts } = await atHub("n2");
  assert.ok(audit.ok, JSON.stringify(audit));
  const count = Number(await readFile(join(node.dir, "data/plugins/counter/count"), "utf8"));
  assert.deepEqual(
    counts.map(({ value }) => value),
    Array.from({ length: count }, (_, index) => index + 1),
  );
});

test("to scripts that take nothing over, and back from such that fail, programs are started again", async () => {
  await using node = await TestNode.start("n4");
  await node.settled("0.1.0");
  const first = await node.plugins();
  await node.install(await program("0.6.0", "", false));
  await node.settled("0.6.0");
  const second = await node.plugins();
  assert.notEqual(second.counter, first.counter);
  assert.notEqual(second.hand, first.hand);
  // It does take over, but what ran before it does not.
  await node.install(await program("0.6.1", 'throw new TypeError("no such thing");'), "--deadline", "5");
  await node.until(
    "fall-back of 0.6.1",
    (status) => status?.version === "0.6.0" && node.log.includes("0.6.1 is left"),
  );
  await node.settled("0.6.0");
  assert.equal(node.pids.length, 1);
  await node.stop();
  const { audit, counts } = await atHub("n4");
  assert.ok(audit.ok, JSON.stringify(audit));
  const count = Number(await readFile(join(node.dir, "data/plugins/counter/count"), "utf8"));
  assert.deepEqual(
    counts.map(({ value }) => value),
    Array.from({ length: count }, (_, index) => index + 1),
  );
});

test("the hub gives a program to a node as it gives it a system, and learns what came of it", async (t) => {
  await using node = await TestNode.start("n3");
  await node.settled("0.1.0");
  const address = ["--url", hubReady.clientUrl, "--creds", hubReady.fleetCredentials];
  const push = (path: string) => startUmec(["ota", "push", ...address, path, "--to", "n3", "--wait"]).ended;
  const good = await push(await program("0.5.0"));
  assert.equal(good.code, 0, `${good.stderr}${good.stdout}\n${node.log}`);
  assert.match(good.stdout, /^0\.5\.0 for umec-program: .*\n.*under way to 1 node.*\n.* is done\n$/);
  t.diagnostic(good.stdout);
  await node.settled("0.5.0");
  const bad = await push(await program("0.5.1", 'throw new TypeError("no such thing");'));
  assert.equal(bad.code, 1, bad.stdout);
  assert.match(
    bad.stderr,
    /is stopped: n3 fell back from 0\.5\.1 to 0\.5\.0: it can't be loaded: no such thing\n$/,
  );
  await node.settled("0.5.0");
  // The order still stands, and is not done again.
  await node.stop();
  const { audit } = await atHub("n3");
  assert.ok(audit.ok, JSON.stringify(audit));
  assert.equal(node.pids.length, 1, node.log);
});
