import assert from "node:assert/strict";
import { test } from "node:test";
import type { NatsConnection } from "@nats-io/transport-node";
import { type Refusal, refusalOf } from "../emit-wire.ts";
import { isUmecError, UmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import { startTestNode, type TestNode, testClock, wideLimits } from "../test-node.ts";
import { Commands } from "./commands.ts";
import type { Host, Secrets } from "./contract.ts";
import { createHost, type RunningHost } from "./host.ts";
import { memoryServices } from "./memory-services.ts";

const secrets: Secrets = { get: async (name) => `the ${name}` };

interface Bench extends RunningHost, AsyncDisposable {
  /** Registers handlers; from then on the API's commands reach them. */
  handle(register: (host: Pick<Host, "onCommand">) => void): Promise<void>;
  api: NatsConnection;
}

async function startHost(node: TestNode, signal = new AbortController().signal): Promise<Bench> {
  const connection = await node.connect("p1");
  const api = await node.bus.connectApi();
  const running = createHost({
    connection,
    clock: testClock,
    secrets,
    services: memoryServices(),
    log: silentLog,
    limits: wideLimits,
    signal,
  });
  return {
    ...running,
    api,
    async handle(register) {
      register(running.host);
      await connection.flush();
    },
    [Symbol.asyncDispose]: () => api.close(),
  };
}

async function command(
  connection: NatsConnection,
  point: string,
  value?: unknown,
): Promise<{ value: unknown } | Refusal> {
  const body = value === undefined ? "" : JSON.stringify(value);
  const answer = await connection.request(`umec.n1.p1.command.${point}`, body, { timeout: 5000 });
  return refusalOf(answer) ?? { value: answer.data.length === 0 ? undefined : answer.json() };
}

test("a command reaches the handler of its point, or the one for all others, and the reply comes back", async () => {
  await using node = await startTestNode();
  await using bench = await startHost(node);
  await bench.handle((h) => {
    h.onCommand("lamp/level", ({ value }) => ({ level: value }));
    h.onCommand("*", ({ point, value }) => [point, value ?? null]);
  });
  assert.deepEqual(await command(bench.api, "lamp.level", 80), { value: { level: 80 } });
  assert.deepEqual(await command(bench.api, "lamp.other"), { value: ["lamp/other", null] });
  bench.host.onCommand("late", async () => undefined);
  assert.deepEqual(await command(bench.api, "late", true), { value: undefined });
});

test("a handler's error is the reply's code and message, and so is everything else that fails", async () => {
  await using node = await startTestNode();
  await using bench = await startHost(node);
  await bench.handle((h) => {
    h.onCommand("coded", () => {
      throw new UmecError("LAMP_BROKEN", "no light");
    });
    h.onCommand("plain", async () => {
      throw new Error("oops");
    });
    h.onCommand("unsayable", () => 1n);
  });
  assert.deepEqual(await command(bench.api, "coded"), { code: "LAMP_BROKEN", text: "no light" });
  assert.deepEqual(await command(bench.api, "plain"), { code: "COMMAND_FAILED", text: "oops" });
  assert.equal(((await command(bench.api, "unsayable")) as Refusal).code, "COMMAND_FAILED");
  assert.deepEqual(await command(bench.api, "nothing.here"), {
    code: "COMMAND_UNKNOWN",
    text: "nothing takes commands at nothing/here",
  });
  const answer = await bench.api.request("umec.n1.p1.command.coded", "{nonsense", { timeout: 5000 });
  assert.equal(refusalOf(answer)?.code, "COMMAND_INVALID");
});

test("at most so many commands run, each for a limited time, and all end with the plugin", async () => {
  await using node = await startTestNode();
  const plugin = await node.connect("p1");
  const api = await node.bus.connectApi();
  const controller = new AbortController();
  const options = { connection: plugin, log: silentLog, signal: controller.signal, clock: testClock };
  const commands = new Commands({ ...options, maxUnderWay: 2, timeoutMs: 300 });
  let entered = Promise.withResolvers<void>();
  commands.handle("hang", (_, signal) => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason));
    entered.resolve();
    return promise;
  });
  await plugin.flush();
  const code = async (): Promise<string> => ((await command(api, "hang")) as Refusal).code;
  const codes = await Promise.all([code(), code(), code()]);
  assert.deepEqual(codes.toSorted(), ["COMMAND_BUSY", "COMMAND_TIMEOUT", "COMMAND_TIMEOUT"]);
  entered = Promise.withResolvers();
  const last = code();
  await entered.promise;
  controller.abort(new UmecError("PLUGIN_STOPPED", "stop"));
  assert.equal(await last, "PLUGIN_STOPPED");
  await api.close();
});

test("a point that can't be is refused where it is named", async () => {
  await using node = await startTestNode();
  await using bench = await startHost(node);
  assert.throws(
    () => bench.host.onCommand("a b", () => 1),
    (error) => isUmecError(error, "COMMAND_POINT"),
  );
});

test("the host has clock, log, scheduler and secrets, and tasks end with the plugin", async () => {
  await using node = await startTestNode();
  const controller = new AbortController();
  await using bench = await startHost(node, controller.signal);
  const { host } = bench;
  assert.equal(await host.secrets.get("token"), "the token");
  assert.equal(host.clock.known(), true);
  const ticked = Promise.withResolvers<AbortSignal>();
  host.scheduler.every(5, (signal) => ticked.resolve(signal));
  const signal = await ticked.promise;
  const asleep = host.scheduler.sleep(60_000);
  controller.abort(new UmecError("TEST_STOP", "stop"));
  assert.equal(signal.aborted, true);
  await assert.rejects(asleep, (error) => isUmecError(error, "TEST_STOP"));
});

test("a revoked host refuses, and slowly", async () => {
  await using node = await startTestNode();
  await node.ingest("p1");
  await using bench = await startHost(node);
  bench.revoke();
  const startMs = performance.now();
  const keepAlive = setInterval(() => {}, 100);
  await assert.rejects(bench.host.emit([{ name: "a", value: 1 }]), (error) =>
    isUmecError(error, "EMIT_REFUSED"),
  );
  clearInterval(keepAlive);
  assert.ok(performance.now() - startMs > 900);
  assert.deepEqual(await node.rows(), []);
});
