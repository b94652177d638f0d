/** Quality, alarms and safe values of a whole node, from its file to the hub. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import Type from "typebox";
import { createReader } from "./hub/reader.ts";
import { startHubServer } from "./hub/server.ts";
import { provisionStream } from "./hub/stream.ts";
import { collect } from "./hub/test-hub.ts";
import { silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { type RunningNode, startNode } from "./node.ts";
import { type Driver, defineDriver, type Host, type Sample } from "./plugin/contract.ts";
import { createScratch } from "./test-scratch.ts";
import { untilStatus } from "./test-until.ts";

const scratch = createScratch();
let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

/** A driver that does what the test does with its host. */
class Puppet {
  readonly set: unknown[] = [];
  #host = Promise.withResolvers<Host>();
  #fail = Promise.withResolvers<never>();

  readonly driver = defineDriver({
    manifest: {
      name: "puppet",
      version: "1.0.0",
      kind: "low",
      summary: "A puppet.",
      options: Type.Object({}),
      points: () => [
        { name: "room/temperature", unit: "Cel" },
        { name: "heater/level", access: "write", schema: Type.Integer({ minimum: 0, maximum: 100 }) },
      ],
      needs: () => ({}),
    },
    run: async (_options, host, signal) => {
      const fail = Promise.withResolvers<never>();
      this.#fail = fail;
      host.onCommand("heater/level", ({ value }) => {
        this.set.push(value);
        return value;
      });
      this.#host.resolve(host);
      await Promise.race([fail.promise, signal.aborted || once(signal, "abort")]);
    },
  }) as unknown as Driver;

  async emit(sample: Omit<Sample, "name">): Promise<void> {
    const host = await this.#host.promise;
    await host.emit([{ name: "room/temperature", unit: "Cel", ...sample }]);
  }

  /** Resolves with the host of the next run. */
  crash(): Promise<Host> {
    this.#host = Promise.withResolvers();
    this.#fail.reject(new Error("the wire broke"));
    return this.#host.promise;
  }

  restarted(): void {
    this.#host = Promise.withResolvers();
  }
}

async function start(t: TestContext, path: string, { driver }: Puppet): Promise<RunningNode> {
  const drivers = { names: () => ["puppet"], load: async () => driver };
  const { signal } = new AbortController();
  const node = await startNode({ path, natsServerPath, log: silentLog, signal, drivers });
  t.after(() => node.stop());
  return node;
}

test("an alarm is raised while the link is down, once over a restart, cleared, and all of it reaches the hub", async (t) => {
  const hub = await startHubServer({ dir: await scratch(), natsServerPath, nodes: ["n1"], log: silentLog });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });
  const path = join(await scratch(), "node.yaml");
  const target = {
    node: "n1",
    clock: { trust: "always" },
    plugins: { p1: { driver: "puppet" } },
    alarms: {
      hot: { point: "p1/room/temperature", above: 30, clearHoldMs: 0, severity: "critical" },
      silent: { point: "p1/room/temperature", quality: "bad", clearHoldMs: 0 },
    },
  };
  await writeFile(path, JSON.stringify(target));
  const puppet = new Puppet();
  const first = await start(t, path, puppet);
  await puppet.emit({ value: 35 });
  await puppet.emit({ value: null, quality: "bad", reason: "no answer within 500 ms" });
  const { alarms } = await untilStatus(first, (status) =>
    status.alarms.every(({ state }) => state === "raised"),
  );
  assert.deepEqual(
    alarms.map(({ name, value, quality }) => [name, value, quality]),
    [
      ["hot", null, "bad"],
      ["silent", null, "bad"],
    ],
  );
  await first.stop();

  const link = { hub: hub.leafUrl, credentials: hub.credentialsFile("n1"), reconnectMs: 200 };
  await writeFile(path, JSON.stringify({ ...target, link }));
  puppet.restarted();
  const second = await start(t, path, puppet);
  await puppet.emit({ value: 36 });
  await puppet.emit({ value: 20, quality: "uncertain", reason: "drifts" });
  await untilStatus(second, ({ alarms, link, outbox }) => {
    return alarms.every(({ state }) => state === "clear") && link.state === "up" && outbox.waitingRows === 0;
  });

  const reader = createReader(fleet);
  const told = await collect(reader.samples({ node: "n1", plugin: "alarms", lane: "alarm" }));
  assert.deepEqual(
    told.map(({ name, value, unit, quality }) =>
      [name, value, unit, quality].filter((part) => part !== undefined),
    ),
    [
      ["hot", true, "good"],
      ["hot/value", 35, "Cel", "good"],
      ["hot/severity", "critical", "good"],
      ["silent", true, "good"],
      ["silent/value", null, "Cel", "bad"],
      ["silent/severity", "warning", "good"],
      ["silent", false, "good"],
      ["silent/value", 36, "Cel", "good"],
      ["silent/severity", "warning", "good"],
      ["hot", false, "good"],
      ["hot/value", 20, "Cel", "uncertain"],
      ["hot/severity", "critical", "good"],
    ],
  );
  const samples = await collect(reader.samples({ node: "n1", plugin: "p1" }));
  assert.deepEqual(
    samples.map(({ value, quality, reason }) => [value, quality, reason]),
    [
      [35, "good", undefined],
      [null, "bad", "no answer within 500 ms"],
      [36, "good", undefined],
      [20, "uncertain", "drifts"],
    ],
  );
});

test("a plugin that crashed begins with its safe value, and says the crash's cause", async (t) => {
  const path = join(await scratch(), "node.yaml");
  const safe = { "heater/level": { value: 0, afterMs: 60_000 } };
  await writeFile(path, JSON.stringify({ node: "n1", plugins: { p1: { driver: "puppet", safe } } }));
  const puppet = new Puppet();
  const node = await start(t, path, puppet);
  await untilStatus(node, () => puppet.set.length === 1);
  await puppet.crash();
  await untilStatus(node, ({ plugins }) => puppet.set.length === 2 && plugins[0]?.restarts === 1);
  assert.deepEqual(puppet.set, [0, 0]);
});
