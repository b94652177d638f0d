import assert from "node:assert/strict";
import { test } from "node:test";
import { Mcp23017 } from "./mcp23017.ts";

function read(chip: Mcp23017, register: number, length = 1): number[] {
  chip.write(Uint8Array.of(register));
  return [...chip.read(length)];
}

test("after power-up: inputs, and all else 0", () => {
  assert.deepEqual(read(new Mcp23017(), 0, 0x16), [0xff, 0xff, ...Array(20).fill(0)]);
});

test("outputs by GPIO and OLAT, inputs with polarity", () => {
  const chip = new Mcp23017();
  chip.write(Uint8Array.of(0x00, 0xf0, 0xff));
  chip.write(Uint8Array.of(0x12, 0x05));
  assert.deepEqual(chip.state().outputs, { 0: 1, 1: 0, 2: 1, 3: 0 });
  assert.deepEqual(read(chip, 0x14), [0x05]);
  chip.set({ inputs: { 4: 1, 8: 1 } });
  chip.write(Uint8Array.of(0x03, 0x81));
  assert.deepEqual(read(chip, 0x12, 2), [0x15, 0x80]);
});

test("both banks' addresses mean the same registers", () => {
  const chip = new Mcp23017();
  chip.write(Uint8Array.of(0x0a, 0x80));
  chip.write(Uint8Array.of(0x10, 0x0f));
  assert.deepEqual(read(chip, 0x00), [0xff]);
  assert.deepEqual(read(chip, 0x10), [0x0f]);
  chip.write(Uint8Array.of(0x05, 0x00));
  assert.deepEqual(read(chip, 0x01), [0x0f]);
});

test("without sequential mode the address goes to and fro between the ports", () => {
  const chip = new Mcp23017();
  chip.set({ inputs: { 0: 1, 9: 1 } });
  chip.write(Uint8Array.of(0x0a, 0x20));
  assert.deepEqual(read(chip, 0x12, 4), [1, 2, 1, 2]);
});

test("an interrupt captures the port once, and reading clears it", () => {
  const chip = new Mcp23017();
  chip.write(Uint8Array.of(0x05, 0x02));
  chip.set({ inputs: { 9: 1 } });
  assert.deepEqual(chip.state().interrupts, { a: false, b: true });
  chip.set({ inputs: { 9: 0, 10: 1 } });
  assert.deepEqual(read(chip, 0x0f), [0x02]);
  assert.deepEqual(read(chip, 0x11), [0x02], "as it was at the interrupt");
  assert.deepEqual(chip.state().interrupts, { a: false, b: false });
});

test("compared with DEFVAL it interrupts as long as it differs", () => {
  const chip = new Mcp23017();
  chip.write(Uint8Array.of(0x08, 0x01));
  chip.write(Uint8Array.of(0x04, 0x01));
  chip.set({ inputs: { 0: 1 } });
  read(chip, 0x12);
  assert.deepEqual(chip.state().interrupts, { a: true, b: false });
  chip.set({ inputs: { 0: 0 } });
  read(chip, 0x12);
  assert.deepEqual(chip.state().interrupts, { a: false, b: false });
});
