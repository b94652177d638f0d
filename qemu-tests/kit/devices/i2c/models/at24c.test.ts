import assert from "node:assert/strict";
import { test } from "node:test";
import { At24c } from "./at24c.ts";

test("a page write goes round within its page and takes 5 ms", () => {
  let nowMs = 1000;
  const chip = new At24c({ size: 4096, pageSize: 32, nowMs: () => nowMs });
  assert.ok(chip.write(Uint8Array.of(0x01, 0x1e, 1, 2, 3, 4)));
  assert.equal((chip.state().bytes as Uint8Array)[0x11e], 0xff, "nothing before STOP");
  chip.stop();
  assert.equal(chip.write(Uint8Array.of(0, 0)), false);
  nowMs += 4.9;
  assert.equal(chip.read(1), undefined);
  nowMs += 0.1;
  assert.ok(chip.write(Uint8Array.of(0x01, 0x1e)));
  assert.deepEqual([...chip.read(3)!], [1, 2, 0xff]);
  chip.write(Uint8Array.of(0x01, 0x00));
  assert.deepEqual([...chip.read(2)!], [3, 4]);
});

test("a read goes on where the last one ended, round the whole memory", () => {
  const chip = new At24c({ size: 256 });
  chip.set({ bytes: Uint8Array.of(7, 8), at: 254 });
  chip.set({ bytes: Uint8Array.of(9) });
  chip.write(Uint8Array.of(254));
  assert.deepEqual([...chip.read(1)!], [7]);
  assert.deepEqual([...chip.read(2)!], [8, 9]);
});

test("a repeated START in place of STOP writes nothing; power takes no byte", () => {
  const chip = new At24c({ size: 256 });
  chip.set({ bytes: Uint8Array.of(5) });
  chip.write(Uint8Array.of(0, 6));
  chip.read(1);
  chip.stop();
  chip.powerUp();
  assert.equal((chip.state().bytes as Uint8Array)[0], 5);
});

test("wrong sizes and places are refused", () => {
  assert.throws(() => new At24c({ size: 512 }), { code: "DEVICE_VALUE" });
  assert.throws(() => new At24c().set({ bytes: new Uint8Array(2), at: 4095 }), { code: "DEVICE_VALUE" });
});
