import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../../../../runtime/test-scratch.ts";
import { byteStream } from "./byte-stream.ts";

const scratch = createScratch();
const never = new AbortController();

test("bytes go both ways, and the line is there again for the next QEMU", { timeout: 20_000 }, async (t) => {
  const stream = byteStream();
  t.after(() => stream.stop());
  const dir = await scratch();
  const path = join(dir, "uart.sock");
  assert.deepEqual(stream.qemuArgs("virt", dir), ["-chardev", `socket,id=uart,path=${path}`]);
  for (const text of ["first", "second"]) {
    await stream.beforeStart?.({ machine: "virt", dir, signal: never.signal });
    const qemu = connect(path);
    await once(qemu, "connect");
    qemu.write(`hello ${text}`);
    await stream.heard(`hello ${text}`);
    const end = stream.repeat(5, () => text);
    assert.match(String((await once(qemu, "data"))[0]), new RegExp(text));
    end();
    qemu.destroy();
    await once(qemu, "close");
    await stream.afterExit?.();
  }
  await assert.rejects(stream.heard("never", { timeoutMs: 10 }), /no "never" within 10 ms, but "hello first/);
});
