import assert from "node:assert/strict";
import { test } from "node:test";
import { Pca9554 } from "./pca9554.ts";

function read(chip: Pca9554, register: number): number {
  chip.write(Uint8Array.of(register));
  return chip.read(1)[0]!;
}

test("after power-up all pins are inputs and high", () => {
  const chip = new Pca9554();
  assert.deepEqual(
    [0, 1, 2, 3].map((register) => read(chip, register)),
    [0xff, 0xff, 0x00, 0xff],
  );
});

test("inputs, polarity and outputs", () => {
  const chip = new Pca9554();
  chip.set({ inputs: { 0: 0, 7: 0 } });
  assert.equal(read(chip, 0), 0x7e);
  chip.write(Uint8Array.of(2, 0x0f));
  assert.equal(read(chip, 0), 0x71);
  chip.write(Uint8Array.of(3, 0xfc));
  chip.write(Uint8Array.of(1, 0xfe));
  assert.deepEqual(chip.state().outputs, { 0: 0, 1: 1 });
});

test("a changed input interrupts until it is read or goes back", () => {
  const chip = new Pca9554();
  chip.set({ inputs: { 3: 0 } });
  assert.equal(chip.state().interrupt, true);
  chip.set({ inputs: { 3: 1 } });
  assert.equal(chip.state().interrupt, false);
  chip.set({ inputs: { 3: 0 } });
  read(chip, 0);
  assert.equal(chip.state().interrupt, false);
});

test("pins that are not there are refused", () => {
  for (const inputs of [{ 8: 1 }, { 0: 2 }, undefined]) {
    assert.throws(() => new Pca9554().set({ inputs }), { code: "DEVICE_VALUE" });
  }
});
