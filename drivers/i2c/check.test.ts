import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions } from "./check.ts";
import type { DeviceOptions } from "./options.ts";

const findingsOf = (devices: Record<string, Partial<DeviceOptions>>) =>
  checkOptions({ bus: 1, devices: devices as Record<string, DeviceOptions> }).map(
    ({ pointer, reason }) => `${pointer}: ${reason}`,
  );
const one = (device: Partial<DeviceOptions>) => findingsOf({ d: { address: 0x20, ...device } });

test("a device takes its own options, and needs some", () => {
  assert.deepEqual(one({ type: "tmp105", resolutionBits: 9, everyMs: 500 }), []);
  assert.deepEqual(one({ type: "tmp105", shuntOhms: 1 }), [
    "/devices/d/shuntOhms: a tmp105 has no option shuntOhms",
  ]);
  assert.deepEqual(one({ type: "generic" }), ["/devices/d: a generic needs the option registers"]);
});

test("two devices on one address, or two names that differ in case only", () => {
  const found = findingsOf({ a: { type: "tmp105", address: 0x48 }, A: { type: "lm75", address: 0x48 } });
  assert.deepEqual(found, [
    "/devices/A: A and a differ in case only",
    "/devices/A/address: 0x48 is a already",
  ]);
});

test("what a chip can't do", () => {
  for (const [device, message] of [
    [{ type: "lm75", resolutionBits: 12 }, /resolutionBits: an LM75 has 9 or 11 bits, not 12/],
    [{ type: "pca9554", pins: { a: { pin: 8 } } }, /pins\/a\/pin: there are pins 0 to 7/],
    [{ type: "pca9554", pins: { a: { pin: 1 }, b: { pin: 1 } } }, /pins\/b\/pin: pin 1 is a already/],
    [
      { type: "pca9554", pins: { a: { pin: 1, pullUp: true } } },
      /pins\/a\/pullUp: this chip has no pull-ups/,
    ],
    [
      { type: "at24c", fields: { a: { at: 250, length: 7 } } },
      /fields\/a\/at: it reaches to 256, .* ends at 255/,
    ],
    [{ type: "at24c", bytes: 1024, fields: { a: { at: 0, length: 7 } } }, /bytes: .* several addresses/],
    [{ type: "generic", registers: { a: { mask: 0x100 } } }, /registers\/a\/mask: 0x100 has bits beyond/],
    [{ type: "generic", registers: { a: { mask: 0x0f, shift: 1 } } }, /registers\/a\/shift: .* drops bits/],
    [{ type: "generic", registers: { a: { scale: 0 } } }, /registers\/a\/scale/],
    [{ type: "generic", registers: { a: { min: 2, max: 1 } } }, /registers\/a\/min: 2 is above max, 1/],
    [{ type: "generic", registers: { online: {} } }, /registers\/online: the name online is taken/],
  ] as [Partial<DeviceOptions>, RegExp][]) {
    const found = one(device);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, message);
  }
});
