import assert from "node:assert/strict";
import { test } from "node:test";
import { createConnection, maxWaiting, writeTimeoutMs } from "./connection.ts";
import type { LineEvents, OpenLine } from "./line.ts";

/** A line whose device takes nothing. */
function stuckLine(): { open: OpenLine; written: number } {
  const stuck = {
    written: 0,
    async open(events: LineEvents) {
      return {
        write() {
          stuck.written += 1;
          return new Promise<void>(() => {});
        },
        close: () => events.closed(),
      };
    },
  };
  return stuck;
}

function connect(open: OpenLine) {
  const opened = Promise.withResolvers<void>();
  const down = Promise.withResolvers<Error>();
  const ending = new AbortController();
  const connection = createConnection({
    path: "/dev/ttyUSB0",
    open,
    backoff: { initialMs: 1, maxMs: 1 },
    sleep: () => new Promise(() => {}),
    onOpen: opened.resolve,
    onData: () => {},
    onDown: down.resolve,
  });
  void connection.run(ending.signal);
  return { ...connection, opened: opened.promise, down: down.promise, ending };
}

test("only so many writes wait, in turn, and one that is stuck closes the line", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const stuck = stuckLine();
  const { write, opened, down } = connect(stuck.open);
  await assert.rejects(write(Buffer.of(1)), { code: "SERIAL_OFFLINE" });
  await opened;
  const writes = Array.from({ length: maxWaiting }, () => write(Buffer.of(1)));
  await assert.rejects(write(Buffer.of(1)), { code: "SERIAL_BUSY" });
  const results = Promise.allSettled(writes);
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(writeTimeoutMs);
  await down;
  const codes = (await results).map((result) => result.status === "rejected" && result.reason.code);
  assert.deepEqual(codes, ["SERIAL_TIMEOUT", ...new Array(maxWaiting - 1).fill("SERIAL_OFFLINE")]);
  assert.equal(stuck.written, 1);
});
