import assert from "node:assert/strict";
import { test } from "node:test";
import type { NatsConnection } from "@nats-io/transport-node";
import Type from "typebox";
import { makeGate } from "../commands/gate.ts";
import { sendCommand } from "../commands/send.ts";
import { UmecError } from "../errors.ts";
import { startTestNode, testClock } from "../test-node.ts";
import { Commands, type CommandsOptions } from "./commands.ts";
import type { Point, Sample } from "./contract.ts";
import { type LogLine, recordingLog } from "./testkit.ts";

const points: Point[] = [
  { name: "lamp/level", access: "read-write", schema: Type.Number({ minimum: 0, maximum: 100 }) },
  { name: "lamp/power", unit: "W" },
];

interface Bench extends AsyncDisposable {
  commands: Commands;
  api: NatsConnection;
  lines: LogLine[];
  events: Sample[];
  /** Resolves with the first event, those before the call included. */
  event(): Promise<Sample>;
  /** Resolves when the handlers so far are asked. */
  ready(): Promise<void>;
  send(point: string, value?: unknown, more?: { ttlMs?: number }): Promise<unknown>;
}

async function start(options: Partial<CommandsOptions> = {}): Promise<Bench> {
  const node = await startTestNode();
  const connection = await node.connect("p1");
  const api = await node.bus.connectApi();
  const lines: LogLine[] = [];
  const events: Sample[] = [];
  const first = Promise.withResolvers<Sample>();
  const ended = new AbortController();
  const commands = new Commands({
    connection,
    log: recordingLog((line) => lines.push(line)),
    signal: ended.signal,
    clock: testClock,
    gate: makeGate(points),
    hasPoints: true,
    event: async (sample) => {
      events.push(sample);
      first.resolve(sample);
    },
    ...options,
  });
  await connection.flush();
  return {
    commands,
    api,
    lines,
    events,
    event: () => first.promise,
    ready: () => connection.flush(),
    send: (point, value, { ttlMs = 5000 } = {}) =>
      sendCommand(api, {
        subject: `umec.n1.p1.command.${point.replaceAll("/", ".")}`,
        name: `p1/${point}`,
        value,
        by: "anna@desk",
        ttlMs,
        remote: true,
      }),
    async [Symbol.asyncDispose]() {
      ended.abort(new UmecError("PLUGIN_STOPPED", "stop"));
      await api.close();
      await node[Symbol.asyncDispose]();
    },
  };
}

test("a command is judged before the driver sees it, answered with what holds then, and logged with who asked", async () => {
  await using bench = await start();
  const seen: unknown[] = [];
  bench.commands.handle("lamp/level", ({ value }) => {
    seen.push(value);
    return 79.5;
  });
  assert.equal(await bench.send("lamp/level", 80), 79.5);
  await assert.rejects(bench.send("lamp/level", 140), {
    code: "COMMAND_INVALID",
    message: "lamp/level: 140: must be <= 100",
    hint: "allowed: a number from 0 to 100",
  });
  await assert.rejects(bench.send("lamp/power", 1), { code: "COMMAND_READ_ONLY" });
  await assert.rejects(bench.send("lamp/levle", 1), { code: "COMMAND_UNKNOWN", hint: /lamp\/level\?/ });
  assert.deepEqual(seen, [80]);
  assert.match(bench.lines[0]!.message, /^command lamp\/level = 80 by anna@desk: 79\.5 \(\d+ ms\)$/);
  assert.match(
    bench.lines[1]!.message,
    /^command lamp\/level = 140 by anna@desk: COMMAND_INVALID: .*100 \(\d+ ms\)$/,
  );
  assert.ok(bench.lines.every(({ level }) => level === "info"));
});

test("a reply may be bytes, and what is secret is not in the log", async () => {
  await using bench = await start();
  bench.commands.handle("still", () => new Uint8Array([0xff, 0xd8]));
  bench.commands.handle("login", () => ({ token: "abc", ok: true }));
  await bench.ready();
  assert.deepEqual(await bench.send("still"), new Uint8Array([0xff, 0xd8]));
  assert.deepEqual(await bench.send("login", { user: "a", password: "hunter2" }), { token: "abc", ok: true });
  const text = bench.lines.map(({ message }) => message).join("\n");
  assert.match(text, /still by anna@desk: 2 bytes/);
  assert.doesNotMatch(text, /hunter2|abc/);
});

test("a command that came too late is not done, and one that is not done in time is given up", async () => {
  const nowMs = Date.now() + 60_000;
  await using late = await start({ clock: { ...testClock, nowMs: () => nowMs } });
  late.commands.handle("lamp/level", () => assert.fail("the driver must not see it"));
  await assert.rejects(late.send("lamp/level", 80), {
    code: "COMMAND_EXPIRED",
    message: /ago by the node's clock/,
  });

  await using slow = await start();
  const aborted = Promise.withResolvers<unknown>();
  slow.commands.handle("lamp/level", (_, signal) => {
    signal.addEventListener("abort", () => aborted.resolve(signal.reason));
    return new Promise(() => {});
  });
  await assert.rejects(slow.send("lamp/level", 80, { ttlMs: 50 }), { code: "COMMAND_EXPIRED" });
  assert.equal(((await aborted.promise) as UmecError).code, "COMMAND_EXPIRED");
});

test("before the driver has its handlers a writable point is not ready, and without points nobody answers", async () => {
  await using bench = await start();
  await assert.rejects(bench.send("lamp/level", 80), { code: "COMMAND_NOT_READY" });
  await using bare = await start({ hasPoints: false });
  await assert.rejects(bare.send("lamp/level", 80), {
    code: "COMMAND_UNREACHABLE",
    message: /p1\/lamp\/level/,
  });
});

test("a point with a safe value is set to it first, and again when nobody commands it, which is an event", async () => {
  await using bench = await start({ safe: { "lamp/level": { value: 0, afterMs: 50 } } });
  const seen: unknown[] = [];
  bench.commands.handle("lamp/level", ({ value }) => {
    seen.push(value);
    return value;
  });
  await bench.ready();
  await bench.send("lamp/level", 80);
  assert.deepEqual(await bench.event(), { name: "lamp/level/dead-man", value: 0 });
  assert.deepEqual(seen, [0, 80, 0]);
  const said = bench.lines.map(({ message }) => message.replace(/ \(\d+ ms\)$/, ""));
  assert.deepEqual(said, [
    "command lamp/level = 0 by dead-man, as the driver starts: 0",
    "command lamp/level = 80 by anna@desk: 80",
    "command lamp/level = 0 by dead-man, as no command for 50 ms: 0",
  ]);
});

test("a safe value that can't be set is an error and a bad event with the reason", async () => {
  await using bench = await start({ safe: { "lamp/level": { value: 0, afterMs: 60_000 } } });
  bench.commands.handle("*", () => {
    throw new UmecError("LAMP_OFFLINE", "no answer");
  });
  assert.deepEqual(await bench.event(), {
    name: "lamp/level/dead-man",
    value: 0,
    quality: "bad",
    reason: "LAMP_OFFLINE: no answer",
  });
  assert.equal(bench.lines[0]!.level, "error");
});
