import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { silentLog } from "../log.ts";
import { startTestNode, type TestNode, testClock, wideLimits } from "../test-node.ts";
import { type Driver, defineDriver, type Manifest } from "./contract.ts";
import { memoryServices } from "./memory-services.ts";
import type { PluginTarget } from "./run.ts";
import type { PluginStatus } from "./status.ts";
import { type SupervisedPlugin, type SuperviseOptions, supervisePlugin } from "./supervisor.ts";

const schema = Type.Object({});
type Run = Driver<typeof schema>["run"];

function driverOf(run: Run, more: Partial<Manifest<typeof schema>> = {}): Driver {
  return defineDriver({
    manifest: {
      name: "test",
      version: "1.0.0",
      kind: "low",
      summary: "A driver of this test.",
      options: schema,
      points: () => [],
      needs: () => ({}),
      ...more,
    },
    run,
  });
}

/** Samples until it is stopped, as it should be. */
const wellBehaved: Run = async (_options, host, signal) => {
  while (!signal.aborted) {
    await host.emit([{ name: "t/celsius", value: 21.5 }]);
    await host.scheduler.sleep(5, signal).catch(() => {});
  }
};

const target: PluginTarget = {
  name: "p1",
  driver: "test",
  required: false,
  limits: wideLimits,
  options: {},
};

function supervise(
  node: TestNode,
  driver: SuperviseOptions["driver"],
  options: Partial<SuperviseOptions> = {},
): SupervisedPlugin {
  const { name } = options.target ?? target;
  return supervisePlugin({
    target,
    driver,
    connect: () => node.connect(name),
    clock: testClock,
    secrets: { get: async () => "" },
    services: memoryServices(),
    log: silentLog,
    graceMs: 50,
    backoff: { minMs: 5, maxMs: 20 },
    ...options,
  });
}

/** The first status that fits, from now on. */
function reached(plugin: SupervisedPlugin, fits: (status: PluginStatus) => boolean): Promise<PluginStatus> {
  const { promise, resolve } = Promise.withResolvers<PluginStatus>();
  const end = plugin.onChange((status) => {
    if (fits(status)) resolve(status);
  });
  return promise.finally(end);
}

const waitingFor = (code: string) => (status: PluginStatus) =>
  status.state === "waiting" && status.lastError?.code === code;

/** More samples of the plugin become durable. */
async function samplesOn(plugin: SupervisedPlugin): Promise<void> {
  const { stored } = plugin.status();
  for (let tries = 0; plugin.status().stored <= stored; tries++) {
    assert.ok(tries < 500, "no samples");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("a plugin runs, its status counts, and it stops when told to", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const plugin = supervise(node, driverOf(wellBehaved));
  await samplesOn(plugin);
  const status = plugin.status();
  assert.equal(status.state, "running");
  assert.equal(status.restarts, 0);
  assert.deepEqual(status.lastValues, { "t/celsius": 21.5 });
  assert.ok(Math.abs(Date.now() - status.lastSampleMs!) < 5000);
  await plugin.stop();
  const { state, lastError, emitted, stored, refused } = plugin.status();
  assert.deepEqual({ state, lastError }, { state: "stopped", lastError: undefined });
  assert.equal(emitted, stored + refused);
  assert.equal((await node.rows()).length, stored);
});

for (const [what, run, code] of [
  [
    "throws one of its own errors",
    async () => {
      throw new UmecError("METER_GONE", "unplugged");
    },
    "METER_GONE",
  ],
  [
    "throws anything else",
    async () => {
      throw new TypeError("x is not a function");
    },
    "PLUGIN_FAILED",
  ],
  [
    "throws before its first await",
    () => {
      throw new Error("at once");
    },
    "PLUGIN_FAILED",
  ],
  ["returns early", async () => {}, "PLUGIN_ENDED"],
  ["shows no sign of life", (_options, _host, signal) => ended(signal), "PLUGIN_SILENT"],
  [
    "floods",
    async (_options, host, signal) => {
      while (!signal.aborted) await host.emit(Array(100).fill({ name: "a", value: 1 }));
    },
    "PLUGIN_FLOOD",
  ],
  [
    "floods and hears no refusal and no signal",
    async (_options, host) => {
      for (;;) await host.emit(Array(100).fill({ name: "a", value: 1 })).catch(() => {});
    },
    "PLUGIN_STUCK",
  ],
] as [string, Run, string][]) {
  test(`a driver that ${what} is reported and started again, and its neighbour goes on`, async () => {
    await using node = await startTestNode({ plugins: ["p1", "p2"] });
    await node.ingest("p1");
    await node.ingest("p2");
    const neighbour = supervise(node, driverOf(wellBehaved), { target: { ...target, name: "p2" } });
    let runs = 0;
    const driver = driverOf(
      (...given) => {
        runs += 1;
        return runs <= 2 ? run(...given) : wellBehaved(...given);
      },
      { deadlineMs: () => 100 },
    );
    const limits = { samplesPerS: 1000, bytesPerS: 1e6 };
    const plugin = supervise(node, driver, { target: { ...target, limits } });
    const failed = await reached(plugin, waitingFor(code));
    assert.ok(failed.nextStartMs! > 0);
    await reached(plugin, waitingFor(code));
    await samplesOn(plugin);
    assert.equal(plugin.status().restarts, 2);
    assert.equal(plugin.status().state, "running");
    await samplesOn(neighbour);
    assert.equal(neighbour.status().restarts, 0);
    assert.equal(neighbour.status().lastError, undefined);
    await Promise.all([plugin.stop(), neighbour.stop()]);
  });
}

function ended(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve());
  return promise;
}

test("each failure is one line in the log, and the bus hears the new state", async () => {
  await using node = await startTestNode();
  const lines: string[] = [];
  const log: Log = { ...silentLog, error: (message) => void lines.push(message), child: () => log };
  const api = await node.bus.connectApi();
  const heard: PluginStatus[] = [];
  const waited = Promise.withResolvers<void>();
  api.subscribe("umec.n1.p1.status", {
    callback: (_, message) => {
      const status = message.json<PluginStatus>();
      heard.push(status);
      if (status.state === "waiting") waited.resolve();
    },
  });
  await api.flush();
  const plugin = supervise(
    node,
    driverOf(async () => {
      throw new UmecError("METER_GONE", "unplugged");
    }),
    { log, backoff: { minMs: 60_000 } },
  );
  await waited.promise;
  assert.deepEqual(
    heard.map(({ state }) => state),
    ["running", "waiting"],
  );
  assert.equal(heard[1]!.lastError?.code, "METER_GONE");
  assert.deepEqual(lines, ["the plugin p1 failed: unplugged"]);
  await plugin.stop();
  assert.equal(plugin.status().nextStartMs, undefined);
  await api.close();
});

test("a driver that does not end is left behind: its host is revoked and a new run begins", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const left = Promise.withResolvers<unknown>();
  let runs = 0;
  const driver = driverOf(
    async (options, host, signal) => {
      runs += 1;
      if (runs > 1) return wellBehaved(options, host, signal);
      await ended(signal);
      // Deaf to the signal: holds on for longer than the grace.
      await new Promise((resolve) => setTimeout(resolve, 200));
      await host.emit([{ name: "ghost", value: 1 }]).catch(left.resolve);
      await new Promise(() => {});
    },
    { deadlineMs: () => 50 },
  );
  const plugin = supervise(node, driver);
  const { lastError } = await reached(plugin, waitingFor("PLUGIN_STUCK"));
  assert.match(lastError!.message, /within 50 ms .*PLUGIN_SILENT/);
  await samplesOn(plugin);
  assert.equal(((await left.promise) as UmecError).code, "EMIT_REFUSED");
  await plugin.stop();
  assert.ok((await node.stored()).every(({ n }) => n !== "ghost"));
});

test("stop ends a driver that hangs, after the grace", async () => {
  await using node = await startTestNode();
  const plugin = supervise(
    node,
    driverOf(() => new Promise(() => {})),
  );
  await reached(plugin, ({ state }) => state === "running");
  await plugin.stop();
  const { state, lastError } = plugin.status();
  assert.deepEqual([state, lastError?.code], ["stopped", "PLUGIN_STUCK"]);
});

test("a driver that waits for the outbox is not silent", async () => {
  await using node = await startTestNode();
  const plugin = supervise(node, driverOf(wellBehaved, { deadlineMs: () => 50 }));
  await reached(plugin, ({ state }) => state === "running");
  await new Promise((resolve) => setTimeout(resolve, 250));
  await node.ingest("p1");
  await samplesOn(plugin);
  assert.equal(plugin.status().restarts, 0);
  await plugin.stop();
});

test("tasks of the scheduler are signs of life, also when they fail", async () => {
  await using node = await startTestNode();
  const driver = driverOf(
    async (_options, host, signal) => {
      host.scheduler.every(10, () => {
        throw new Error("the device does not answer");
      });
      await ended(signal);
    },
    { deadlineMs: () => 200 },
  );
  const plugin = supervise(node, driver);
  await reached(plugin, ({ state }) => state === "running");
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual([plugin.status().state, plugin.status().restarts], ["running", 0]);
  await plugin.stop();
});

test("a driver that can't be loaded, and a bus that can't be reached, are reported and tried again", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  let loads = 0;
  let connects = 0;
  const plugin = supervise(
    node,
    async () => {
      loads += 1;
      if (loads < 2) throw new Error("Cannot find module");
      return driverOf(wellBehaved);
    },
    {
      connect: async () => {
        connects += 1;
        if (connects < 2) throw new Error("connection refused");
        return node.connect("p1");
      },
    },
  );
  const unreached = await reached(plugin, waitingFor("PLUGIN_START"));
  assert.match(unreached.lastError!.message, /connection refused/);
  const unloaded = await reached(plugin, waitingFor("PLUGIN_LOAD"));
  assert.match(unloaded.lastError!.message, /the driver test can't be loaded: Cannot find module/);
  await samplesOn(plugin);
  assert.deepEqual([loads, connects], [2, 3]);
  await plugin.stop();
});

test("limits change while the driver runs", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const plugin = supervise(node, driverOf(wellBehaved));
  await samplesOn(plugin);
  const failed = reached(plugin, waitingFor("PLUGIN_FLOOD"));
  plugin.adjust({ ...target, required: true, limits: { samplesPerS: 1, bytesPerS: 1000 } });
  assert.equal(plugin.status().required, true);
  await failed;
  plugin.adjust(target);
  await samplesOn(plugin);
  await plugin.stop();
});

test("a plugin whose connection is cut for good gets a new one", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  const connections: Awaited<ReturnType<TestNode["connect"]>>[] = [];
  const plugin = supervise(node, driverOf(wellBehaved), {
    connect: async () => {
      const connection = await node.connect("p1");
      connections.push(connection);
      return connection;
    },
  });
  await samplesOn(plugin);
  const failed = reached(plugin, ({ state }) => state === "waiting");
  await connections[0]!.close();
  await failed;
  await samplesOn(plugin);
  assert.equal(connections.length, 2);
  await plugin.stop();
});

test("the signal stops it, also before it has started", async () => {
  await using node = await startTestNode();
  const plugin = supervise(
    node,
    driverOf(async () => assert.fail("it ran")),
    { signal: AbortSignal.abort() },
  );
  await plugin.stop();
  assert.equal(plugin.status().state, "stopped");
  assert.equal(plugin.status().lastError, undefined);
});
