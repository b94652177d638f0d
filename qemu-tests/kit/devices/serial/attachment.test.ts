import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { encodeRtu } from "../../../../drivers/modbus/rtu-frame.ts";
import { createMemory } from "../../../../drivers/modbus/simulator-answer.ts";
import { createScratch } from "../../../../runtime/test-scratch.ts";
import { serialPort } from "./attachment.ts";

const scratch = createScratch();
const never = new AbortController();
const ask = (unit: number, ...pdu: number[]) => encodeRtu(unit, Uint8Array.from(pdu));

/** QEMU's end of the line. */
async function plug(path: string) {
  const socket = connect(path);
  await once(socket, "connect");
  return {
    socket,
    async exchange(request: Buffer, replyBytes: number): Promise<Buffer> {
      let reply = Buffer.alloc(0);
      socket.write(request);
      while (reply.length < replyBytes) {
        const [chunk] = await once(socket, "data");
        reply = Buffer.concat([reply, chunk]);
      }
      return reply;
    },
  };
}

test("the line is there again for the next QEMU, and the slave kept its registers", {
  timeout: 20_000,
}, async (t) => {
  const port = serialPort({ units: { 1: createMemory({ holding: { 0: 2301 } }) } });
  t.after(() => port.stop());
  const dir = await scratch();
  const path = join(dir, "rs485.sock");
  await port.beforeStart?.({ machine: "virt", dir, signal: never.signal });
  const first = await plug(path);
  const write = ask(1, 6, 0, 0, 0, 42);
  assert.deepEqual(await first.exchange(write, 8), write);
  first.socket.destroy();
  await port.afterExit?.();
  await port.beforeStart?.({ machine: "virt", dir, signal: never.signal });
  const next = await plug(path);
  assert.deepEqual(await next.exchange(ask(1, 3, 0, 0, 0, 1), 7), ask(1, 3, 2, 0, 42));
  assert.equal(port.slave.requests.length, 2);
  next.socket.destroy();
});
