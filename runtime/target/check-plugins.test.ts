import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { type Driver, defineDriver } from "../plugin/contract.ts";
import { checkTarget } from "./check.ts";
import { formatFinding } from "./finding.ts";
import { clickDriver, twoDrivers } from "./fixtures/drivers.ts";
import type { DriverSource } from "./types.ts";

async function check(plugins: string, drivers: DriverSource = twoDrivers()) {
  const text = `node: lamp\nplugins:\n${plugins}`;
  const { target, findings } = await checkTarget(text, { path: "/n/node.yaml", drivers });
  return { target, shown: findings.map((f) => formatFinding({ ...f, file: "node.yaml" })) };
}

test("options get their defaults, also in the branch of a union and in list items", async () => {
  const { target } = await check(`  m:
    driver: meter
    options:
      line: { transport: tcp, host: meter.local }
      registers:
        - { name: grid/power, address: 40001 }
`);
  assert.deepEqual(target?.plugins[0]?.options, {
    line: { transport: "tcp", host: "meter.local", port: 502 },
    intervalMs: 1000,
    registers: [{ name: "grid/power", address: 40_001, scale: 1 }],
  });
});

test("options are judged by the driver's schema, each in its line", async () => {
  const { shown } = await check(`  m:
    driver: meter
    options:
      intervallMs: 5
      intervalMs: 5
      line:
        transport: tcp
        host: ""
        port: 99999
      registers:
        - { name: a, address: -1 }
        - { nam: a }
`);
  assert.deepEqual(shown, [
    "node.yaml:6:7: plugins/m/options/intervallMs: unknown key\n    hint: did you mean intervalMs?",
    "node.yaml:7:19: plugins/m/options/intervalMs: 5: must be >= 10 (Time between readings)",
    'node.yaml:10:15: plugins/m/options/line/host: "": must not be empty',
    "node.yaml:11:15: plugins/m/options/line/port: 99999: must be <= 65535 (TCP port)",
    "node.yaml:13:31: plugins/m/options/registers/0/address: -1: must be >= 0 (Address)",
    "node.yaml:14:11: plugins/m/options/registers/1: the key name is missing\n    hint: Point of the register.",
    "node.yaml:14:11: plugins/m/options/registers/1: the key address is missing\n    hint: Address.",
    "node.yaml:14:13: plugins/m/options/registers/1/nam: unknown key\n    hint: did you mean name?",
  ]);
});

test("of a union only the branch that was meant speaks", async () => {
  const line = async (text: string) =>
    (await check(`  m: { driver: meter, options: { line: ${text} } }\n`)).shown.map((finding) =>
      finding.replace("plugins/m/options/", ""),
    );
  assert.deepEqual(await line("{ transport: serial, device: ttyS0, baud: 9601 }"), [
    "node.yaml:3:69: line/device: ttyS0: must match ^/dev/ (Device node of the serial line)",
    "node.yaml:3:82: line/baud: 9601: must be one of 9600, 19200",
  ]);
  assert.deepEqual(await line("{ transport: tpc, host: x }"), [
    "node.yaml:3:53: line/transport: tpc: must be one of tcp, serial\n    hint: did you mean tcp?",
  ]);
  assert.deepEqual(await line("{ host: x }"), [
    "node.yaml:3:34: line: the key transport is missing\n    hint: it is one of tcp, serial",
  ]);
  assert.deepEqual(await line("tcp"), [
    "node.yaml:3:40: line: tcp: must be a mapping (How the meter is reached)",
  ]);
});

test("a missing options key is reported at the plugin", async () => {
  const { shown } = await check("  m:\n    driver: meter\n");
  assert.deepEqual(shown, [
    "node.yaml:3:3: plugins/m/options: the key line is missing\n    hint: How the meter is reached.",
  ]);
});

test("a password in plain text is refused and not repeated", async () => {
  const { shown } = await check(`  m:
    driver: meter
    options: { line: { transport: tcp, host: x }, password: hunter2 }
`);
  assert.equal(shown[0], "node.yaml:5:61: plugins/m/options/password: (hidden): must be a mapping");
});

test("the driver's own check comes after its schema, in the right line", async () => {
  const { target, shown } = await check(`  m:
    driver: meter
    options:
      line: { transport: tcp, host: x }
      registers:
        - { name: a, address: 1 }
        - { name: a, address: 2 }
`);
  assert.equal(target, undefined);
  assert.deepEqual(shown, [
    "node.yaml:9:19: plugins/m/options/registers/1/name: a: is used twice\n    hint: give each its own",
  ]);
});

test("only drivers that are named are loaded, each once", async () => {
  const drivers = twoDrivers();
  await check("  a: { driver: click }\n  b: { driver: click }\n", drivers);
  assert.deepEqual(drivers.loaded, ["click"]);
});

test("a driver that can't be loaded, or whose check throws, is a finding and the rest is checked", async () => {
  const faulty = defineDriver({
    manifest: {
      ...clickDriver.manifest,
      options: Type.Object({}),
      check: () => {
        throw new Error("no such chip");
      },
    },
    run: async () => {},
  });
  const sources: Record<string, () => Driver> = {
    absent: () => {
      throw new Error("no file");
    },
    faulty: () => faulty as unknown as Driver,
    click: () => clickDriver as unknown as Driver,
  };
  const drivers = { names: () => Object.keys(sources), load: async (name: string) => sources[name]!() };
  const { shown } = await check(
    "  a: { driver: absent }\n  b: { driver: faulty }\n  c: { driver: click, options: { line: x } }\n",
    drivers,
  );
  assert.deepEqual(shown, [
    "node.yaml:3:16: plugins/a/driver: absent: the driver can't be loaded: no file",
    "node.yaml:4:3: plugins/b/options: the driver click failed to check them: no such chip",
    "node.yaml:5:40: plugins/c/options/line: x: must be a whole number",
  ]);
});

test("a program's points are what its manifest would say, and its safe values are judged by them", async () => {
  const { target, shown } = await check(`  p:
    exec: [/bin/true]
    points:
      lamp/level: { access: read-write, unit: "%", schema: { type: number, maximum: 100 } }
      lamp/power: { unit: W }
    safe: { lamp/level: { value: 0, afterMs: 1000 } }
`);
  assert.deepEqual(shown, []);
  assert.deepEqual(target?.plugins[0]?.process?.points, [
    { name: "lamp/level", access: "read-write", unit: "%", schema: { type: "number", maximum: 100 } },
    { name: "lamp/power", access: "read", unit: "W" },
  ]);
  assert.deepEqual(target?.plugins[0]?.safe, { "lamp/level": { value: 0, afterMs: 1000 } });
});

test("points of a program that can't be used are found, each in its line", async () => {
  const { target, shown } = await check(`  p:
    exec: [/bin/true]
    points:
      lamp//level: {}
      lamp/power: { schema: { type: number } }
      lamp/mode: { access: write, schema: { type: nmber } }
      lamp/level: { access: write, schema: { type: number, maximum: 100 } }
      lamp/x: { acces: write }
    safe: { lamp/level: { value: 101, afterMs: 1000 }, lamp/power: { value: 1, afterMs: 1000 } }
  q: { exec: [/bin/true], safe: { a: { value: 1, afterMs: 1000 } } }
  c: { driver: click, points: { a: {} } }
`);
  assert.equal(target, undefined);
  const places = shown.map((text) => text.split("\n")[0]!.replace(/(reason|used): .*/, "$1"));
  assert.deepEqual(places, [
    "node.yaml:6:7: plugins/p/points/lamp~1~1level: is no name of a point: use segments of A-Z a-z 0-9 - _ that begin with a letter or digit, joined by /",
    "node.yaml:7:21: plugins/p/points/lamp~1power/schema: is for a point that can be set",
    "node.yaml:8:43: plugins/p/points/lamp~1mode/schema: { type }: is no JSON Schema that can be used",
    "node.yaml:10:17: plugins/p/points/lamp~1x/acces: unknown key",
    "node.yaml:11:34: plugins/p/safe/lamp~1level/value: 101: must be <= 100",
    "node.yaml:11:56: plugins/p/safe/lamp~1power: this point can only be read",
    "node.yaml:12:27: plugins/q/safe: is for points that are known",
    "node.yaml:13:23: plugins/c/points: are for a program",
  ]);
});
