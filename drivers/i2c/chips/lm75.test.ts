import assert from "node:assert/strict";
import { test } from "node:test";
import { registerChip } from "../simulator.ts";
import { chipUnderTest } from "../test-port.ts";
import { celsius } from "./lm75.ts";

test("TMP105, Table 5: temperature data format", () => {
  const table: [string, number][] = [
    ["7ff0", 127.9375],
    ["6400", 100],
    ["5000", 80],
    ["4b00", 75],
    ["3200", 50],
    ["1900", 25],
    ["0040", 0.25],
    ["0000", 0],
    ["ffc0", -0.25],
    ["e700", -25],
    ["c900", -55],
  ];
  for (const [code, value] of table) assert.equal(celsius(Buffer.from(code, "hex"), 12), value, code);
});

test("an LM75 has 9 bits, and what lies below them is no temperature", () => {
  assert.equal(celsius(Buffer.from("197f", "hex"), 9), 25);
  assert.equal(celsius(Buffer.from("ff80", "hex"), 9), -0.5);
  assert.equal(celsius(Buffer.from("193f", "hex"), 11), 25.125);
});

test("a TMP105 is set to its resolution and woken up, and its other settings stay", async () => {
  const simulated = registerChip({ 0: [0x19, 0x80], 1: [0b0001_1111] });
  const { prepare, sample, bus } = chipUnderTest({ type: "tmp105" }, simulated);
  await prepare();
  assert.deepEqual(simulated.registers.get(1), [0b0111_1110]);
  await prepare();
  assert.equal(bus.transfers.filter(({ kind }) => kind === "write").length, 1);
  assert.deepEqual(await sample(), { temperature: 25.5 });
});

test("an LM75 is woken up and nothing else", async () => {
  const simulated = registerChip({ 0: [0xe7, 0x00], 1: [0b0001_1001] });
  const { prepare, sample } = chipUnderTest({ type: "lm75" }, simulated);
  await prepare();
  assert.deepEqual(simulated.registers.get(1), [0b0001_1000]);
  assert.deepEqual(await sample(), { temperature: -25 });
});
