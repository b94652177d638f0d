import assert from "node:assert/strict";
import { test } from "node:test";
import { headers } from "@nats-io/nats-core";
import type { Clock } from "./clock.ts";
import { askerOf, commandHeaders, decodeReply, encodeReply, timeLeftMs } from "./command-wire.ts";
import { isUmecError } from "./errors.ts";

const nowMs = 1_800_000_000_000;
const clockOf = (known: boolean): Clock => ({ nowMs: () => nowMs, monotonicMs: () => 0, known: () => known });
const ask = { by: "root@hub", ttlMs: 5000 };
const withLines = (lines: Record<string, string>) => {
  const made = headers();
  for (const [name, value] of Object.entries(lines)) made.set(name, value);
  return { headers: made };
};
const refused = (code: string, reason: RegExp) => (error: unknown) =>
  isUmecError(error, code) && reason.test(error.message);

test("a command without expiry never expires; a time to live counts from its arrival", () => {
  assert.equal(timeLeftMs({}, clockOf(true)), Number.POSITIVE_INFINITY);
  assert.equal(timeLeftMs({ headers: commandHeaders(ask) }, clockOf(false)), 5000);
});

test("where the node knows the time, the moment holds, and the time to live is the most there is", () => {
  const left = (expiresMs: number): number =>
    timeLeftMs({ headers: commandHeaders({ ...ask, expiresMs }) }, clockOf(true));
  assert.equal(left(nowMs + 3000), 3000);
  assert.equal(left(nowMs + 60_000), 5000, "the sender's clock is fast");
  assert.throws(
    () => left(nowMs - 1500),
    refused("COMMAND_EXPIRED", /^it expired 1500 ms ago by the node's/),
  );
});

test("where it does not, the time to live holds, and a moment alone is refused", () => {
  const late = { headers: commandHeaders({ ...ask, expiresMs: nowMs - 1500 }) };
  assert.equal(timeLeftMs(late, clockOf(false)), 5000);
  const alone = withLines({ "Umec-Expires": String(nowMs + 5000) });
  assert.throws(() => timeLeftMs(alone, clockOf(false)), refused("COMMAND_EXPIRED", /nobody can tell/));
});

for (const [name, value] of [
  ["Umec-Ttl", "5s"],
  ["Umec-Ttl", "0"],
  ["Umec-Ttl", "86400001"],
  ["Umec-Expires", "tomorrow"],
] as const) {
  test(`a header that says nothing is refused: ${name}: ${value}`, () => {
    assert.throws(
      () => timeLeftMs(withLines({ [name]: value }), clockOf(true)),
      refused("COMMAND_INVALID", new RegExp(`${name} is "${value}"`)),
    );
  });
}

test("who asks is one short line", () => {
  assert.equal(askerOf({}), "unknown");
  assert.equal(askerOf({ headers: commandHeaders({ ...ask, by: "a\nb" }) }), "a b");
  assert.equal(askerOf({ headers: commandHeaders({ ...ask, by: "x".repeat(500) }) }).length, 100);
});

test("a reply is JSON, bytes or nothing", () => {
  for (const reply of [80, "on", { level: 80 }, null, false, new Uint8Array([0x5b, 0xff]), undefined]) {
    const { body, headers: lines } = encodeReply(reply);
    const data = body === undefined ? new Uint8Array() : Buffer.from(body);
    assert.deepEqual(decodeReply({ data, ...(lines && { headers: lines }) }), reply);
  }
});
