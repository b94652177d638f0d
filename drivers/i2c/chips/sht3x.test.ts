import assert from "node:assert/strict";
import { test } from "node:test";
import type { SimulatedChip } from "../simulator.ts";
import { chipUnderTest } from "../test-port.ts";
import { crc8 } from "./sht3x.ts";

/** Answers a command with six bytes, once. */
function sensor(answer: number[]): SimulatedChip & { commands: string[] } {
  const commands: string[] = [];
  let ready = false;
  return {
    commands,
    write(bytes) {
      commands.push(Buffer.from(bytes).toString("hex"));
      ready = true;
    },
    read(length) {
      if (!ready) throw new Error("it has not measured");
      ready = false;
      return Uint8Array.from(answer.slice(0, length));
    },
  };
}

test("section 4.12: the checksum of 0xBEEF is 0x92", () => {
  assert.equal(crc8([0xbe, 0xef]), 0x92);
});

test("section 4.13: the ends and the middle of the scale", async () => {
  const words = (temperature: number, humidity: number) =>
    [temperature, humidity].flatMap((word) => [word >> 8, word & 0xff, crc8([word >> 8, word & 0xff])]);
  for (const [temperature, humidity, celsius, percent] of [
    [0x0000, 0xffff, -45, 100],
    [0xffff, 0x0000, 130, 0],
    [0x6666, 0x8000, 25, 50.001],
  ] as const) {
    const { sample } = chipUnderTest({ type: "sht3x" }, sensor(words(temperature, humidity)));
    assert.deepEqual(await sample(), { temperature: celsius, humidity: percent });
  }
});

test("a repeatability has its command and its longest time", async () => {
  for (const [repeatability, command, waitMs] of [
    ["high", "2400", 16],
    ["medium", "240b", 7],
    ["low", "2416", 5],
  ] as const) {
    const simulated = sensor([0xbe, 0xef, 0x92, 0xbe, 0xef, 0x92]);
    const { sample, waits } = chipUnderTest({ type: "sht3x", repeatability }, simulated);
    await sample();
    assert.deepEqual([simulated.commands, waits], [[command], [waitMs]]);
  }
});

test("a word that was damaged on its way is refused", async () => {
  const { sample } = chipUnderTest({ type: "sht3x" }, sensor([0xbe, 0xef, 0x92, 0xbe, 0xee, 0x92]));
  await assert.rejects(sample(), { code: "I2C_DATA" });
});
