/** A program of its own whose points are known: its commands, its safe values and its objects, through a real node. */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { askNode } from "./cli/control-socket.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { controlPath, startNode } from "./node.ts";
import { recordingLog } from "./plugin/testkit.ts";
import type { NodeStatus } from "./status.ts";
import { createScratch } from "./test-scratch.ts";
import { untilStatus } from "./test-until.ts";

const scratch = createScratch();
const example = new URL("../docs/examples/plugin.py", import.meta.url).pathname;
let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

/** The example with the points that its head names, and `more` of its plugin. */
async function start(t: TestContext, more: object = {}) {
  const dir = await scratch();
  const path = join(dir, "node.yaml");
  const points = {
    "board/load": {},
    "board/interval": {
      access: "write",
      unit: "s",
      schema: { type: "number", minimum: 0.01, maximum: 3600 },
    },
    "board/report": { access: "write", schema: { type: "null" } },
  };
  const exec = ["/usr/bin/env", "python3", example, "0.05"];
  await writeFile(path, JSON.stringify({ node: "n1", plugins: { board: { exec, points, ...more } } }));
  const lines: string[] = [];
  const log = recordingLog(({ message }) => lines.push(message));
  const node = await startNode({ path, natsServerPath, log, signal: new AbortController().signal });
  t.after(() => node.stop());
  return {
    dir,
    node,
    lines,
    set: (point: string, value?: unknown): Promise<unknown> =>
      askNode(controlPath(join(dir, "data")), "/command", {
        body: { plugin: "board", point, value, ttlMs: 15_000, by: "anna@desk" },
      }),
    until: (fits: (status: NodeStatus) => boolean) => untilStatus(node, fits),
  };
}

test("commands are judged before the program: its reply comes back, or a refusal that names what is allowed", async (t) => {
  const { set, lines, until } = await start(t);
  // The process is there, and does not take commands yet: the node waits for it.
  await until(({ plugins }) => plugins[0]?.process !== undefined);
  assert.deepEqual(await set("board/interval", 0.02), { seconds: 0.02 });
  assert.ok(
    lines.some((line) =>
      /^command board\/interval = 0\.02 by anna@desk: \{"seconds":0\.02\} \(\d+ ms\)$/.test(line),
    ),
    JSON.stringify(lines),
  );
  await assert.rejects(set("board/interval", 0), {
    code: "COMMAND_INVALID",
    message: "board/interval: 0: must be >= 0.01",
    hint: "allowed: a number from 0.01 to 3600",
  });
  await assert.rejects(set("board/interval", "fast"), { code: "COMMAND_INVALID" });
  await assert.rejects(set("board/report", 1), { code: "COMMAND_INVALID" });
  await assert.rejects(set("board/load", 1), { code: "COMMAND_READ_ONLY" });
  await assert.rejects(set("board/intervall", 1), {
    code: "COMMAND_UNKNOWN",
    hint: /^did you mean board\/interval\?/,
  });
  const { plugins } = await until((status) => (status.plugins[0]?.stored ?? 0) >= 20);
  assert.deepEqual([plugins[0]?.restarts, plugins[0]?.lastError], [0, undefined]);
});

test("a safe value is set as soon as the program takes commands, and when nobody commands the point any more", async (t) => {
  const { lines, until, set } = await start(t, {
    safe: { "board/interval": { value: 0.03, afterMs: 200 } },
  });
  const safe = (why: string) => `command board/interval = 0.03 by dead-man, as ${why}: {"seconds":0.03}`;
  await until(() => lines.some((line) => line.startsWith(safe("the driver starts"))));
  assert.deepEqual(await set("board/interval", 0.04), { seconds: 0.04 });
  await until(() => lines.some((line) => line.startsWith(safe("no command for 200 ms"))));
  assert.deepEqual(
    lines.filter((line) => /it is tried again/.test(line)),
    [],
  );
});

test("an object that a program hands over as a file is on the spool, and the file is gone", async (t) => {
  const { set, dir, until } = await start(t);
  await until(({ plugins }) => (plugins[0]?.stored ?? 0) >= 4);
  const reply = (await set("board/report")) as { object: string };
  assert.match(reply.object, /^board\/loads-\d+\.csv$/);
  const { objects } = await until((status) => status.objects.waiting === 1);
  assert.deepEqual([objects.stored, objects.lost], [1, 0]);
  assert.deepEqual(await readdir(join(dir, "data", "plugins", "board", "objects")), []);
  const spool = join(dir, "data", "objects");
  const names = (await readdir(spool)).sort();
  const [body, entry] = await Promise.all(names.map((name) => readFile(join(spool, name), "utf8")));
  assert.match(body!, /^(\d+\.\d{3},\d+(\.\d+)?\r\n){2,}$/);
  const { plugin, name, contentType } = JSON.parse(entry!);
  assert.deepEqual([plugin, name, contentType], ["board", reply.object, "text/csv"]);
});
