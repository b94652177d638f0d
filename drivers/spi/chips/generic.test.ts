import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions } from "../check.ts";
import type { DeviceOptions } from "../options.ts";
import { deviceUnderTest } from "../test-device.ts";

type Generic = Omit<DeviceOptions, "type" | "chipSelect">;
const device = (options: Generic, answer: (sent: Buffer) => number[]) =>
  deviceUnderTest({ type: "generic", ...options }, answer);
const findings = (options: Generic) =>
  checkOptions({ bus: 0, devices: { x: { type: "generic", chipSelect: 0, ...options } } }).map(
    ({ pointer, reason }) => [pointer.replace("/devices/x", ""), reason],
  );

test("transfers go in order, with waits between, and each slice of what came is a value", async () => {
  const sensor = device(
    {
      transfers: [
        { send: "aa 00" },
        {
          send: "F0 00000000000000",
          waitMs: 5,
          expect: [{ at: 0, mask: 0x20, equals: 0 }],
          values: {
            pressure: { at: 1, type: "uint24", convert: [{ multiply: 0.01 }, { add: -100 }], unit: "Pa" },
            temperature: { at: 4, type: "int16", endian: "little" },
            step: { at: 6, lowestBit: 2, bitCount: 3 },
            ready: { at: 0, lowestBit: 6, bitCount: 1, boolean: true },
            serial: { at: 1, type: "hex", length: 2 },
          },
        },
      ],
    },
    ([first]) => (first === 0xaa ? [0, 0] : [0x40, 0x01, 0x00, 0x00, 0xfe, 0xff, 0b10100, 0]),
  );
  assert.deepEqual(await sensor.sample(), [
    { quantity: "pressure", value: 555.36 },
    { quantity: "temperature", value: -2 },
    { quantity: "step", value: 5 },
    { quantity: "ready", value: true },
    { quantity: "serial", value: "0100" },
  ]);
  assert.deepEqual(sensor.sent, ["aa00", "f000000000000000"]);
  assert.deepEqual(sensor.waits, [5]);
});

test("a fault that is met makes its value bad, a conversion without a result too", async () => {
  const sensor = device(
    {
      transfers: [
        {
          send: "0000",
          values: {
            first: {
              at: 0,
              faults: [
                { at: 1, mask: 0x80, reason: "broken" },
                { at: 1, mask: 0x01 },
              ],
            },
            second: {
              at: 0,
              convert: [
                {
                  table: [
                    [0, 0],
                    [10, 100],
                  ],
                },
              ],
            },
          },
        },
      ],
    },
    () => [20, 0x01],
  );
  const bad = { value: null, quality: "bad" };
  assert.deepEqual(await sensor.sample(), [
    { quantity: "first", ...bad, reason: "the bits 0x01 of byte 1 are 0x01" },
    { quantity: "second", ...bad, reason: "20 is beyond the table, 0 to 10" },
  ]);
});

test("a command is converted and put into its place; one without a value is sent as it is", async () => {
  const output = device(
    {
      transfers: [{ send: "00" }],
      commands: {
        level: { send: "30 {value}", type: "uint16", convert: [{ multiply: 655.35 }], min: 0, max: 100 },
        trim: { send: "{value} 01", type: "int16", endian: "little" },
        reset: { send: "e0" },
      },
    },
    () => [],
  );
  assert.equal(await output.command("level", 50), 50);
  await output.command("trim", -2);
  assert.equal(await output.command("reset", undefined), null);
  assert.deepEqual(output.sent, ["308000", "feff01", "e0"]);
  for (const wrong of [101, -1, "50", null, Number.NaN]) {
    await assert.rejects(output.command("level", wrong), { code: "SPI_VALUE" });
  }
  await assert.rejects(output.command("trim", 40_000), {
    code: "SPI_VALUE",
    message: "40000 is not within -32768 to 32767, which int16 holds",
  });
  assert.equal(output.sent.length, 3);
});

test("options that can't work are told with their place", () => {
  const one = (values: object) => ({ transfers: [{ send: "0000", values: values as never }] });
  assert.deepEqual(findings({}), [["", "a generic device needs the option transfers"]]);
  assert.deepEqual(findings(one({ a: { at: 1, type: "uint16" } })), [
    ["/transfers/0/values/a/at", "there is no byte 2: 2 are sent, and come"],
  ]);
  assert.equal(
    findings(one({ a: { at: 0, lowestBit: 6, bitCount: 4 } }))[0]?.[0],
    "/transfers/0/values/a/lowestBit",
  );
  assert.equal(
    findings(one({ a: { at: 0, type: "hex", convert: [{ add: 1 }] } }))[0]?.[0],
    "/transfers/0/values/a/convert",
  );
  assert.equal(
    findings(one({ a: { at: 0, type: "text", bitCount: 1 } }))[0]?.[0],
    "/transfers/0/values/a/type",
  );
  assert.equal(findings(one({ a: { at: 0, length: 2 } }))[0]?.[0], "/transfers/0/values/a/length");
  assert.equal(
    findings(one({ a: { at: 0, faults: [{ at: 2 }] } }))[0]?.[0],
    "/transfers/0/values/a/faults/0/at",
  );
  assert.equal(
    findings(one({ a: { at: 0, convert: [{ divide: 0 }] } }))[0]?.[0],
    "/transfers/0/values/a/convert/0/divide",
  );
  assert.equal(findings(one({ online: { at: 0 } }))[0]?.[0], "/transfers/0/values/online");
  assert.deepEqual(findings({ transfers: [{ send: "00 00 00" }], bitsPerWord: 16 }), [
    ["/transfers/0/send", "3 bytes are no whole number of words of 2 bytes"],
  ]);
  const twice = { transfers: [{ send: "00", values: { a: { at: 0 } } }], commands: { a: { send: "00" } } };
  assert.deepEqual(findings(twice), [["/commands/a", "a is a value already"]]);
  const command = { send: "{value}", type: "text", min: 2, max: 1 } as const;
  const text = { transfers: [{ send: "00" }], commands: { a: command } };
  assert.deepEqual(
    findings(text).map(([pointer]) => pointer),
    ["/commands/a/type", "/commands/a/min"],
  );
  assert.deepEqual(
    findings({ transfers: [{ send: "00" }], channels: { a: { input: "0" } } })[0]?.[0],
    "/channels",
  );
});
