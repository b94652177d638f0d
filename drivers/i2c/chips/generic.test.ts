import assert from "node:assert/strict";
import { test } from "node:test";
import type { RegisterOptions } from "../options.ts";
import { registerChip } from "../simulator.ts";
import { chipUnderTest } from "../test-port.ts";
import { decode, encode } from "./generic.ts";

const read = (digits: string, options: RegisterOptions) =>
  decode(Buffer.from(digits, "hex"), { bytes: digits.length / 2, ...options } as RegisterOptions);

test("widths, byte orders and signs", () => {
  assert.equal(read("80", {}), 128);
  assert.equal(read("80", { signed: true }), -128);
  assert.equal(read("1234", {}), 0x1234);
  assert.equal(read("1234", { endian: "little" }), 0x3412);
  assert.equal(read("ffffff", { signed: true }), -1);
  assert.equal(read("fffffffe", {}), 0xffff_fffe);
  assert.equal(read("feffffff", { endian: "little", signed: true }), -2);
});

test("a mask picks bits, moved to its lowest one, with the mask's own sign", () => {
  assert.equal(read("abcd", { mask: 0x0ff0 }), 0xbc);
  assert.equal(read("ff90", { mask: 0xfff0, signed: true, scale: 0.0625 }), -0.4375);
  assert.equal(read("80000000", { mask: 0x8000_0000 }), 1);
  assert.equal(read("abcd", { mask: 0x0ff0, shift: 0 }), 0xbc0);
  assert.equal(read("08", { mask: 0x08, boolean: true }), true);
  assert.equal(read("f7", { mask: 0x08, boolean: true }), false);
});

test("scale and offset leave no noise", () => {
  assert.equal(read("08fd", { scale: 0.1 }), 230.1);
  assert.equal(read("00", { scale: 0.5, offset: -40 }), -40);
});

test("what is written is what is read", () => {
  const all: RegisterOptions[] = [
    { bytes: 1 },
    { bytes: 2, signed: true, scale: 0.5 },
    { bytes: 3, mask: 0x0ffff0, signed: true },
    { bytes: 4, mask: 0xffff_0000, scale: 0.1, offset: 5 },
  ];
  for (const options of all) {
    for (const value of [0, 5, 40, 127]) {
      if (options.offset && value < options.offset) continue;
      const data = Buffer.alloc(options.bytes!);
      data.writeUIntBE(encode(value, options), 0, options.bytes!);
      assert.equal(decode(data, options), value, JSON.stringify({ options, value }));
    }
  }
  assert.equal(encode(-1, { bytes: 2, mask: 0x0ff0, signed: true }), 0x0ff0);
  assert.equal(encode(true, { mask: 0x18, boolean: true }), 0x18);
});

test("what does not fit is refused, with what would", () => {
  const refused = (message: RegExp) => ({ code: "I2C_VALUE", message });
  assert.throws(() => encode(256, {}), refused(/256 is not within 0 to 255, which 8 bits hold/));
  assert.throws(() => encode(200, { signed: true, scale: 0.5 }), refused(/-64 to 63\.5/));
  assert.throws(() => encode(61, { min: 5, max: 60 }), refused(/61 is not within 5 to 60/));
  assert.throws(() => encode("7", {}), refused(/"7" is no number/));
  assert.throws(() => encode(2, { boolean: true }), refused(/neither true nor false/));
});

test("a write leaves the bits beside its mask alone", async () => {
  const simulated = registerChip({ 5: [0x12, 0x34] });
  const gain = { register: 5, bytes: 2, endian: "little", mask: 0x0ff0, access: "read-write" } as const;
  const { command, sample } = chipUnderTest({ type: "generic", registers: { gain } }, simulated);
  assert.equal(await command("gain", 0xab), 0xab);
  assert.deepEqual(simulated.registers.get(5), [0xb2, 0x3a]);
  assert.deepEqual(await sample(), { gain: 0xab });
});

test("a device without registers is read and written plainly, and what can only be written is not read", async () => {
  let port = 0xf0;
  const simulated = {
    write(bytes: Uint8Array) {
      port = bytes[0]!;
    },
    read: (length: number) => new Uint8Array(length).fill(port),
  };
  const registers = { pins: {}, all: { access: "write" }, low: { mask: 0x0f, access: "write" } } as const;
  const { command, sample, bus } = chipUnderTest({ type: "generic", registers }, simulated);
  assert.deepEqual(await sample(), { pins: 0xf0 });
  await command("all", 0x55);
  await command("low", 0x0a);
  assert.equal(port, 0x5a);
  assert.deepEqual(
    bus.transfers.map(({ kind }) => kind),
    ["read", "write", "read", "write"],
  );
});
