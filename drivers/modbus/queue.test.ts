import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { commandsInARow, type Priority, patienceMs } from "./priority.ts";
import { createRequestQueue, type Request } from "./queue.ts";

/** A line that takes `serviceMs` for each request, on a clock that only it moves. */
function crowdedLine(serviceMs: number) {
  let now = 0;
  const queue = createRequestQueue(1000, () => now);
  const answered: { who: string; askedMs: number; atMs: number }[] = [];
  function ask(who: string, kind: Priority | "command", again = false): void {
    const askedMs = now;
    const request: Request = {
      unit: 1,
      pdu: Buffer.alloc(0),
      signal: undefined,
      urgent: kind === "command",
      priority: kind === "command" ? "normal" : kind,
      deadlineMs: 0,
      dueMs: 0,
      sent: 0,
      reject: (error) => assert.fail(String(error)),
      resolve() {
        answered.push({ who, askedMs, atMs: now });
        if (again) ask(who, kind, true);
      },
    };
    queue.add(request);
  }
  return {
    answered,
    ask,
    advance(ms: number) {
      now += ms;
    },
    /** Serves what waits until the time is over, or nothing waits. */
    serve(forMs = Number.POSITIVE_INFINITY) {
      for (const until = now + forMs; now < until; ) {
        const request = queue.next();
        if (!request) return;
        now += serviceMs;
        request.resolve(Buffer.alloc(0));
      }
    },
  };
}
type CrowdedLine = ReturnType<typeof crowdedLine>;
const order = ({ answered }: CrowdedLine): string[] => answered.map(({ who }) => who);

test("commands go first, then high before normal before low, and each kind in the order of asking", () => {
  const line = crowdedLine(10);
  for (const kind of ["low", "normal", "high", "command"] as const) {
    line.ask(`${kind}-1`, kind);
    line.ask(`${kind}-2`, kind);
  }
  line.serve();
  const kinds = ["command", "high", "normal", "low"];
  assert.deepEqual(
    order(line),
    kinds.flatMap((kind) => [`${kind}-1`, `${kind}-2`]),
  );
});

test("on a line that high alone fill, low and normal wait for their patience and a turn, and no longer", () => {
  const serviceMs = 50;
  const line = crowdedLine(serviceMs);
  const high = ["a", "b", "c", "d"];
  for (const who of high) line.ask(who, "high", true);
  line.ask("low", "low", true);
  line.ask("normal", "normal", true);
  line.serve(120_000);
  for (const kind of ["low", "normal"] as const) {
    const turns = line.answered.filter(({ who }) => who === kind);
    const waits = turns.map(({ askedMs, atMs }) => atMs - askedMs);
    const most = patienceMs[kind] + (high.length + 2) * serviceMs;
    assert.ok(Math.min(...waits) >= patienceMs[kind], `${kind} came after ${Math.min(...waits)} ms`);
    assert.ok(Math.max(...waits) <= most, `${kind} waited ${Math.max(...waits)} of ${most} ms`);
    assert.ok(turns.length >= Math.floor(120_000 / most), `${kind} had ${turns.length} turns`);
  }
  // The high ones got what the others left them, in equal parts.
  const turns = high.map((name) => line.answered.filter(({ who }) => who === name).length);
  assert.ok(Math.max(...turns) - Math.min(...turns) <= 1, `turns: ${turns}`);
});

test("a low request that is due goes before a high one that was asked later", () => {
  const line = crowdedLine(10);
  line.ask("low", "low");
  line.advance(patienceMs.low + 1);
  line.ask("high", "high");
  line.serve();
  assert.deepEqual(order(line), ["low", "high"]);
});

test("commands without an end leave a poll its turn", () => {
  const line = crowdedLine(10);
  line.ask("command", "command", true);
  line.ask("low", "low", true);
  line.serve(10 * (commandsInARow + 1) * 10);
  assert.equal(line.answered.filter(({ who }) => who === "low").length, 10);
  assert.equal(order(line).indexOf("low"), commandsInARow);
});

test("a unit that may not be asked now is passed over, and keeps its place", () => {
  const queue = createRequestQueue(10, () => 0);
  const asked = (unit: number, urgent = false): void => {
    const times = { deadlineMs: 0, dueMs: 0, sent: 0 };
    const plain = { pdu: Buffer.alloc(0), signal: undefined, priority: "normal" as const };
    queue.add({ ...plain, ...times, unit, urgent, resolve() {}, reject() {} });
  };
  asked(1);
  asked(2, true);
  asked(3);
  assert.equal(queue.next((unit) => unit !== 2)?.unit, 1);
  assert.equal(
    queue.next((unit) => unit === 4),
    undefined,
  );
  assert.equal(queue.next()?.unit, 2);
  assert.equal(queue.next()?.unit, 3);
});

test("a full queue refuses, and one that was given up is rejected when its turn comes", async () => {
  const queue = createRequestQueue(1, () => 0);
  const gone = new AbortController();
  const ask = (): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const times = { deadlineMs: 0, dueMs: 0, sent: 0 };
      const plain = { unit: 1, pdu: Buffer.alloc(0), urgent: false, priority: "low" as const };
      queue.add({ ...plain, ...times, signal: gone.signal, resolve, reject });
    });
  const first = ask();
  await assert.rejects(ask(), (error) => isUmecError(error, "MODBUS_BUSY"));
  gone.abort(new Error("given up"));
  assert.equal(queue.next(), undefined);
  await assert.rejects(first, /given up/);
});
