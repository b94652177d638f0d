import assert from "node:assert/strict";
import { before, type TestContext, test } from "node:test";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { expiresHeader } from "../command-wire.ts";
import { refusalHeaders } from "../emit-wire.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { connectProcess, startTestNode, type TestNode } from "../test-node.ts";
import { forwardCommand } from "./forward.ts";

before(() => findNatsServer());

const command = { point: "lamp/level", value: 80, by: "anna@desk", withinMs: 5_000 };

async function start(t: TestContext): Promise<{ node: NatsConnection; program: NatsConnection }> {
  const bench: TestNode = await startTestNode();
  t.after(() => bench[Symbol.asyncDispose]());
  const program = await connectProcess(bench.bus, "p1", { gated: true });
  t.after(() => program.close());
  return { node: await bench.connect("p1"), program };
}

function answer(program: NatsConnection, reply: (message: Msg) => void): Promise<void> {
  program.subscribe("checked.>", { callback: (_, message) => reply(message) });
  return program.flush();
}

const never = new AbortController().signal;

test("the program gets the value, who asks and when it ends, and its reply is the command's", async (t) => {
  const { node, program } = await start(t);
  await answer(program, (message) => {
    const leftMs = Number(message.headers?.get(expiresHeader)) - Date.now();
    const by = message.headers?.get("Umec-By");
    message.respond(
      JSON.stringify({ subject: message.subject, value: message.json(), by, late: leftMs <= 0 }),
    );
  });
  assert.deepEqual(await forwardCommand(node, command, never, 0), {
    subject: "checked.lamp.level",
    value: 80,
    by: "anna@desk",
    late: false,
  });
});

test("the program's refusal is the command's", async (t) => {
  const { node, program } = await start(t);
  await answer(program, (message) => {
    const refusal = { code: "LAMP_BROKEN", text: "no current", hint: "change the bulb" };
    message.respond(undefined, { headers: refusalHeaders(refusal) });
  });
  await assert.rejects(forwardCommand(node, command, never, 0), {
    code: "LAMP_BROKEN",
    message: "no current",
    hint: "change the bulb",
  });
});

test("a reply that is no JSON is refused as such", async (t) => {
  const { node, program } = await start(t);
  await answer(program, (message) => message.respond("{"));
  await assert.rejects(forwardCommand(node, command, never, 0), { code: "COMMAND_REPLY_INVALID" });
});

test("a program that takes no commands is waited for while it starts, and then no more", async (t) => {
  const { node, program } = await start(t);
  await assert.rejects(forwardCommand(node, command, never, 0), {
    code: "COMMAND_NOT_READY",
    hint: /UMEC_COMMANDS/,
  });
  const waited = forwardCommand(node, command, never, Number.POSITIVE_INFINITY);
  await answer(program, (message) => message.respond("true"));
  assert.equal(await waited, true);
});

test("the command's end ends the wait for a program that is not there", async (t) => {
  const { node } = await start(t);
  const ended = new AbortController();
  const waited = forwardCommand(node, command, ended.signal, Number.POSITIVE_INFINITY);
  ended.abort(new Error("expired"));
  await assert.rejects(waited, (error: Error) => /expired|abort/i.test(String(error)));
});
