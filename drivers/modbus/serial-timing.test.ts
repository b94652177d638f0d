import assert from "node:assert/strict";
import { test } from "node:test";
import { characterMs, defaultStopBits, silenceMs } from "./serial-timing.ts";

test("a character has eleven bits, with parity or with a second stop bit", () => {
  for (const parity of ["even", "odd", "none"] as const) {
    assert.equal(characterMs({ baudRate: 1100, parity, stopBits: defaultStopBits(parity) }), 10);
  }
  assert.equal(characterMs({ baudRate: 1000, parity: "none", stopBits: 1 }), 10);
});

test("silence is 3.5 characters up to 19200 Bd, and 1.75 ms above", () => {
  const at = (baudRate: number): number => silenceMs({ baudRate, parity: "even", stopBits: 1 });
  assert.equal(at(9600).toFixed(3), "4.010");
  assert.equal(at(19_200).toFixed(3), "2.005");
  assert.deepEqual([at(19_201), at(115_200)], [1.75, 1.75]);
});
