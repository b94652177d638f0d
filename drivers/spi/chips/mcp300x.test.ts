import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions } from "../check.ts";
import { deviceUnderTest } from "../test-device.ts";

/** Figure 6-1: what is not known is 1 here, then the null bit and ten bits of the value. */
const answer = (code: number) => () => [0xff, 0xf8 | (code >> 8), code & 0xff];

test("each input is addressed as Tables 5-1 and 5-2 say, in three bytes as in Figure 6-1", async () => {
  const inputs = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "0-1",
    "1-0",
    "2-3",
    "3-2",
    "4-5",
    "5-4",
    "6-7",
    "7-6",
  ] as const;
  const channels = Object.fromEntries(inputs.map((input) => [`in${input}`, { input }]));
  const device = deviceUnderTest({ type: "mcp3008", channels }, answer(0));
  await device.sample();
  // SGL/DIFF D2 D1 D0 of the tables, from top to bottom: 1000 … 1111, then 0000 … 0111.
  const controls = [
    "80",
    "90",
    "a0",
    "b0",
    "c0",
    "d0",
    "e0",
    "f0",
    "00",
    "10",
    "20",
    "30",
    "40",
    "50",
    "60",
    "70",
  ];
  assert.deepEqual(
    device.sent,
    controls.map((control) => `01${control}00`),
  );
});

test("the value is code × VREF / 1024, whatever the bits before the null bit are", async () => {
  const channels = { level: { input: "0" } as const };
  for (const [code, volts] of [
    [0, 0],
    [1, 0.0048828125],
    [512, 2.5],
    [1023, 4.9951171875],
  ] as const) {
    const device = deviceUnderTest({ type: "mcp3004", referenceVolts: 5, channels }, answer(code));
    const [reading] = await device.sample();
    assert.ok(Math.abs(Number(reading?.value) - volts) < 1e-9, `${code}: ${reading?.value}`);
  }
});

test("volts are converted in steps: a TMP36 at 750 mV is 25 °C", async () => {
  const convert = [{ add: -0.5 }, { divide: 0.01 }, { round: 1 }];
  const channels = { room: { input: "5", convert, unit: "Cel" } as const };
  const device = deviceUnderTest({ type: "mcp3008", referenceVolts: 3.072, channels }, answer(250));
  assert.deepEqual(await device.sample(), [{ quantity: "room", value: 25 }]);
});

test("a line that nobody drives has no null bit: the device has failed", async () => {
  const device = deviceUnderTest({ type: "mcp3008", channels: { level: { input: "0" } } }, () => []);
  await assert.rejects(device.sample(), { code: "SPI_DATA", message: /no null bit.*byte 1 is 0xff/ });
});

test("an MCP3004 has four inputs", () => {
  const channels = { far: { input: "4-5" }, near: { input: "3-2" } } as const;
  const findings = (type: "mcp3004" | "mcp3008") =>
    checkOptions({ bus: 0, devices: { adc: { type, chipSelect: 0, channels } } });
  assert.deepEqual(
    findings("mcp3004").map(({ pointer }) => pointer),
    ["/devices/adc/channels/far/input"],
  );
  assert.deepEqual(findings("mcp3008"), []);
});
