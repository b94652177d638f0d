import assert from "node:assert/strict";
import { test } from "node:test";
import type { AfterStart, MachineName } from "../types.ts";
import { gpioLines } from "./attachment.ts";

/** The two clients of a board, and what they were told. */
function board(machine: MachineName) {
  const said: string[] = [];
  const listeners = new Set<(line: number, level: 0 | 1) => void>();
  const context: AfterStart = {
    machine,
    dir: "/d",
    signal: new AbortController().signal,
    qmp: {
      execute: async () => [
        { name: "device[3]", type: "child<pl011>" },
        { name: "device[7]", type: "child<pl061>" },
      ],
    },
    qtest: {
      command: async (line) => {
        said.push(line);
        return line.startsWith("readl") ? "0x0000000000000040" : "";
      },
      onIrq(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
  };
  return {
    said,
    context,
    change: (line: number, level: 0 | 1) => listeners.forEach((tell) => void tell(line, level)),
  };
}

test("the controller is found by its type, and driven levels are there at each start", async () => {
  const gpio = gpioLines({ lines: { door: 5, lamp: 6 } });
  await gpio.lines.door.drive(1);
  for (let start = 0; start < 2; start++) {
    const { said, context } = board("virt");
    await gpio.afterStart?.(context);
    const path = "/machine/unattached/device[7]";
    assert.deepEqual(said, [`irq_intercept_out ${path}`, `set_irq_in ${path} unnamed-gpio-in 5 1`]);
    assert.deepEqual([await gpio.lines.lamp.level(), await gpio.lines.door.level()], [1, 0]);
    assert.equal(said.at(-1), "readl 0x90303fc");
    await gpio.afterExit?.();
    await assert.rejects(gpio.lines.lamp.level(), { code: "DEVICE_NO_POWER" });
  }
});

test("edges come to the line that they are of, over a power cut, until the end", async () => {
  const gpio = gpioLines({ lines: { lamp: 6, other: 1 }, bank: 2 });
  const edges = gpio.lines.lamp.edges();
  const first = board("imx8mp-evk");
  await gpio.afterStart?.(first.context);
  assert.equal(first.said[0], "irq_intercept_out /machine/soc/gpio2");
  first.change(6, 1);
  first.change(1, 1);
  await gpio.afterExit?.();
  first.change(6, 0);
  const second = board("imx8mp-evk");
  await gpio.afterStart?.(second.context);
  second.change(6, 0);
  await gpio.stop();
  const levels = [];
  for await (const { level } of edges) levels.push(level);
  assert.deepEqual(levels, [1, 0]);
});

test("lines and banks that are not there are refused", () => {
  assert.throws(() => gpioLines({ lines: { x: 8 } }).qemuArgs("virt", "/d"), { code: "DEVICE_VALUE" });
  assert.throws(() => gpioLines({ lines: { x: 0 }, bank: 2 }).qemuArgs("virt", "/d"), {
    code: "DEVICE_VALUE",
  });
  assert.deepEqual(gpioLines({ lines: { x: 31 }, bank: 5 }).qemuArgs("imx8mp-evk", "/d"), []);
});
