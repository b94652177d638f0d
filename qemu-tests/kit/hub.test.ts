import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createMemory, startSimulator } from "../../drivers/modbus/simulator.ts";
import { isUmecError } from "../../runtime/errors.ts";
import { Hub } from "./hub.ts";
import { createFolders } from "./test-disk.ts";

const folder = createFolders();
const umec = fileURLToPath(new URL("../../node_modules/.bin/umec", import.meta.url));

/** A node on this machine that reads a meter every 50 ms. */
async function startNode(hub: Hub, port: number): Promise<AsyncDisposable> {
  const dir = await folder();
  const { host, port: leafPort } = hub.leaf();
  const registers = { volts: { address: 0, unit: "V" } };
  const options = {
    transport: "tcp",
    host: "127.0.0.1",
    port,
    units: { m1: { unit: 1, intervalMs: 50, registers } },
  };
  const target = {
    node: "lamp-1",
    link: {
      hub: `nats-leaf://${host}:${leafPort}`,
      credentials: hub.credentialsFile("lamp-1"),
      reconnectMs: 200,
    },
    plugins: { meter: { driver: "modbus", options } },
  };
  await writeFile(join(dir, "node.json"), JSON.stringify(target));
  const node: ChildProcess = spawn(umec, ["run", join(dir, "node.json")], { stdio: "ignore" });
  return {
    async [Symbol.asyncDispose]() {
      const ended = once(node, "exit");
      node.kill("SIGTERM");
      await ended;
    },
  };
}

describe("the hub outside", { timeout: 180_000 }, () => {
  it("gives samples as they are stored, keeps them and its address over a restart, and forgets none", async () => {
    const memory = createMemory({ holding: { 0: 230 } });
    await using meter = await startSimulator({ units: { 1: memory } });
    await using hub = await Hub.start({ nodes: ["lamp-1"] });
    await using _node = await startNode(hub, meter.port);
    const series = { node: "lamp-1", plugin: "meter", name: "m1/volts" };
    const first = await hub.sample({ ...series });
    assert.deepEqual([first.value, first.unit, first.node], [230, "V", "lamp-1"]);
    memory.set("holding", 0, 231);
    await hub.sample({ ...series, where: ({ value }) => value === 231 });

    const address = hub.leaf();
    await hub.restart(async () => memory.set("holding", 0, 232));
    assert.deepEqual(hub.leaf(), address);
    await hub.sample({ ...series, where: ({ value }) => value === 232 });
    const values = (await hub.samples(series)).map(({ value }) => value);
    assert.deepEqual([...new Set(values)], [230, 231, 232]);
  });

  it("says what came instead of the sample that was waited for", async () => {
    await using hub = await Hub.start({ nodes: ["lamp-1"] });
    const wait = hub.sample({ node: "lamp-1", plugin: "meter", name: "m1/volts", timeoutMs: 300 });
    await assert.rejects(wait, (error: unknown) => {
      assert.ok(isUmecError(error, "HUB_NO_SAMPLE"));
      assert.match(error.message, /lamp-1\/meter\/m1\/volts.*none at all/);
      return true;
    });
    assert.throws(
      () => hub.credentialsFile("lamp-2"),
      (error) => isUmecError(error, "HUB_NODE_UNKNOWN"),
    );
  });
});
