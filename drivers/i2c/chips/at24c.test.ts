import assert from "node:assert/strict";
import { test } from "node:test";
import type { SimulatedChip } from "../simulator.ts";
import { chipUnderTest } from "../test-port.ts";

/** A memory whose writes go round in a page, as the datasheet's "Page Write" says. */
function memory(size: number, page: number, placeBytes: 1 | 2): SimulatedChip & { content: Buffer } {
  const content = Buffer.alloc(size, 0xff);
  let at = 0;
  return {
    content,
    write(bytes) {
      at = Buffer.from(bytes).readUIntBE(0, placeBytes);
      for (const byte of bytes.subarray(placeBytes)) {
        content[at] = byte;
        at = at - (at % page) + ((at + 1) % page);
      }
    },
    read(length) {
      const bytes = Uint8Array.from({ length }, (_, i) => content[(at + i) % size]!);
      at = (at + length) % size;
      return bytes;
    },
  };
}

test("text and hexadecimal digits are read from their places", async () => {
  const simulated = memory(256, 8, 1);
  simulated.content.write("lamp-0042\0left", 10);
  simulated.content.write("0123456789abcdef", 0xf8, "hex");
  const fields = { name: { at: 10, length: 40 }, mac: { at: 0xfa, length: 6, form: "hex" } } as const;
  const { sample } = chipUnderTest({ type: "at24c", fields }, simulated);
  assert.deepEqual(await sample(), { name: "lamp-0042", mac: "456789abcdef" });
});

test("a write is cut at the pages, waits for each, and is read back", async () => {
  for (const [bytes, pageBytes, placeBytes] of [
    [256, 8, 1],
    [4096, 32, 2],
  ] as const) {
    const simulated = memory(bytes, pageBytes, placeBytes);
    const fields = { name: { at: 29, length: 40, access: "read-write" } } as const;
    const { command, sample, waits } = chipUnderTest({ type: "at24c", bytes, pageBytes, fields }, simulated);
    const text = "0123456789abcdefghijklmnopqrstuvwxyz";
    assert.equal(await command("name", text), text);
    assert.equal(waits.length, bytes === 256 ? 6 : 3);
    assert.equal(simulated.content.toString("latin1", 28, 66), `\xff${text}\0`);
    assert.deepEqual(await sample(), { name: text });
    await assert.rejects(command("name", "ä".repeat(21)), { code: "I2C_VALUE" });
  }
});

test("a memory that is write-protected is told", async () => {
  const { write, ...rest } = memory(256, 8, 1);
  const locked = { ...rest, write: (bytes: Uint8Array) => write(bytes.subarray(0, 1)) };
  const fields = { id: { at: 0, length: 2, form: "hex", access: "read-write" } } as const;
  const { command } = chipUnderTest({ type: "at24c", fields }, locked);
  await assert.rejects(command("id", "0102"), { code: "I2C_DATA", message: /write-protected/ });
  await assert.rejects(command("id", "01"), { code: "I2C_VALUE" });
});
