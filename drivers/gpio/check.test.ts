import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions } from "./check.ts";
import { driver } from "./driver.ts";
import type { GpioOptions } from "./options.ts";

const findings = (options: GpioOptions): string[] =>
  checkOptions(options).map(({ pointer, reason }) => `${pointer} ${reason}`);

test("options that fit the schema and can't work are found, each at its place", () => {
  for (const [options, expected] of [
    [{}, [" neither an input nor an output is named"]],
    [
      { inputs: { a: { line: "A" } }, outputs: { A: { line: "B" } } },
      ["/outputs/A a is the name of an input already"],
    ],
    [{ inputs: { a: { line: "A" }, b: { line: "A" } } }, ["/inputs/b/line A is a already"]],
    [{ inputs: { a: { line: "A" }, A: { line: "B" } } }, ["/inputs/A A and a differ in case only"]],
    [
      { inputs: { a: { line: "A", edge: "none", count: true } } },
      ["/inputs/a/edge without edges there is nothing to count"],
    ],
    [
      { backend: "sysfs", inputs: { a: { line: "A", bias: "pull-up" } } },
      ["/inputs/a/bias sysfs can't set resistors"],
    ],
    [
      { backend: "sysfs", outputs: { a: { line: "A", drive: "open-drain" } } },
      ["/outputs/a/drive sysfs can't set how a pin drives"],
    ],
  ] as const) {
    assert.deepEqual(findings(options), expected);
  }
});

test("points say what commands may be, and needs which chips", () => {
  const options: GpioOptions = {
    inputs: { water: { line: "gpiochip2:1", count: true, report: false } },
    outputs: { lamp: { line: "LAMP" }, fan: { line: "/dev/gpiochip0:2", pwmHz: 10 } },
  };
  assert.deepEqual(
    driver.manifest.points(options).map(({ name, access = "read" }) => [name, access]),
    [
      ["water/count", "read-write"],
      ["water/rate", "read"],
      ["water/lost", "read"],
      ["lamp", "read-write"],
      ["fan", "read-write"],
    ],
  );
  assert.deepEqual(driver.manifest.needs(options), { devices: ["/dev/gpiochip2", "/dev/gpiochip0"] });
});
