import assert from "node:assert/strict";
import { test } from "node:test";
import { UmecError } from "../../errors.ts";
import { appPrincipal } from "../http/test-api.ts";
import { testPlugins } from "../test-api-node.ts";
import { problemOf, serveThings } from "./test-things.ts";

const { ask, node } = await serveThings({
  principals: [
    appPrincipal("tester"),
    appPrincipal("reader", { scopes: new Set(["things_read"]) }),
    appPrincipal("near", { write: ["lamp/dimmer/reset"] }),
  ],
});

function post(path: string, body?: unknown, as = "tester"): Promise<Response> {
  return ask(`/things/${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${as}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

test("an action answers with what the driver returned", async () => {
  node.onCommand(({ value }) => ({ level: value }));
  const response = await post("lamp/actions/dimmer.level?ttlMs=800", 40);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { level: 40 });
  assert.deepEqual(node.commands.at(-1), {
    plugin: "lamp",
    point: "dimmer/level",
    value: 40,
    ttlMs: 800,
    by: "app tester",
  });
});

test("an action without input needs no body, and one without output has none", async () => {
  node.onCommand(() => undefined);
  assert.equal((await post("lamp/actions/dimmer.reset")).status, 204);
  assert.equal(node.commands.at(-1)!.value, undefined);
});

test("bytes come as they are", async () => {
  node.onCommand(() => Uint8Array.of(1, 2, 3));
  const response = await post("camera/actions/camera.still");
  assert.equal(response.headers.get("content-type"), "application/octet-stream");
  assert.deepEqual([...(await response.bytes())], [1, 2, 3]);
});

test("a body without a type is JSON, and one of another type is refused", async () => {
  node.onCommand(({ value }) => value);
  const send = (body: Blob) => ask("/things/lamp/actions/dimmer.level", { method: "POST", body });
  assert.equal(await (await send(new Blob(["40"]))).json(), 40);
  assert.equal((await send(new Blob(["forty"]))).status, 400);
  assert.equal((await send(new Blob(["40"], { type: "text/plain" }))).status, 415);
});

test("the gate's refusals come with their reasons", async () => {
  const invalid = await post("lamp/actions/dimmer.level", 101);
  assert.equal(invalid.status, 400);
  const { code, detail } = await problemOf(invalid);
  assert.equal(code, "COMMAND_INVALID");
  assert.match(detail, /101/);
  assert.equal((await post("lamp/actions/dimmer.power", 1)).status, 409);
  const unknown = await post("lamp/actions/dimmer.levle", 1);
  assert.equal(unknown.status, 404);
  assert.match((await problemOf(unknown)).hint, /dimmer\/level/);
  assert.equal((await post("nothing/actions/x", 1)).status, 404);
  assert.equal((await post("lamp/actions/dimmer.level?ttlMs=0", 1)).status, 400);
});

const failures: readonly [string, number][] = [
  ["COMMAND_TIMEOUT", 504],
  ["COMMAND_EXPIRED", 504],
  ["COMMAND_NO_ANSWER", 504],
  ["COMMAND_BUSY", 409],
  ["COMMAND_NOT_READY", 409],
  ["COMMAND_FAILED", 409],
  ["MODBUS_TIMEOUT", 409],
];
for (const [code, status] of failures) {
  test(`${code} is ${status}`, async () => {
    node.onCommand(() => {
      throw new UmecError(code, "so it is", { hint: "wait" });
    });
    const response = await post("lamp/actions/dimmer.level", 1);
    assert.equal(response.status, status);
    const problem = await problemOf(response);
    assert.deepEqual([problem.code, problem.detail, problem.hint], [code, "so it is", "wait"]);
  });
}

test("a plugin that does not run takes no commands", async () => {
  node.setPlugins(testPlugins.map((plugin) => ({ ...plugin, running: plugin.name !== "lamp" })));
  assert.equal((await post("lamp/actions/dimmer.level", 1)).status, 409);
  node.setPlugins(testPlugins);
});

test("a command needs the scope and a pattern that means the point", async () => {
  node.onCommand(() => undefined);
  assert.equal((await post("lamp/actions/dimmer.level", 1, "reader")).status, 403);
  assert.equal((await post("lamp/actions/dimmer.level", 1, "near")).status, 403);
  assert.equal((await post("nothing/actions/x", 1, "near")).status, 403);
  assert.equal((await post("lamp/actions/dimmer.reset", undefined, "near")).status, 204);
});
