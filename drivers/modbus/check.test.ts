import assert from "node:assert/strict";
import { test } from "node:test";
import { startDriver } from "../../runtime/plugin/testkit.ts";
import { parseReference } from "./address.ts";
import { checkOptions } from "./check.ts";
import { locate } from "./config.ts";
import { driver } from "./driver.ts";
import type { ModbusOptions, RegisterOptions } from "./options.ts";

const withRegister = (register: RegisterOptions, more: object = {}): ModbusOptions => ({
  host: "localhost",
  units: { meter: { unit: 1, registers: { power: register }, ...more } },
});
const pointers = (options: ModbusOptions): string[] => checkOptions(options).map(({ pointer }) => pointer);

test("good options have no findings, overlaps included", () => {
  assert.deepEqual(
    pointers({
      host: "localhost",
      units: {
        a: {
          unit: 1,
          registers: {
            status: { address: 0 },
            alarm: { address: 0, type: "bool", bit: 15 },
            energy: { address: 65532, type: "uint64" },
            serial: { address: "400100", type: "string", registers: 8 },
            relay: { table: "coil", address: 0, access: "read-write" },
          },
        },
      },
    }),
    [],
  );
});

test("each mistake is found, and its pointer names the option", () => {
  const at = (option: string): string[] => [`/units/meter/registers/power/${option}`];
  const cases: [RegisterOptions, string][] = [
    [{ address: 65535, type: "float32" }, "address"],
    [{ address: "40000" }, "address"],
    [{ address: "465537" }, "address"],
    [{ address: "30001", table: "holding" }, "table"],
    [{ address: 0, table: "input", access: "read-write" }, "access"],
    [{ address: 0, table: "discrete", access: "write" }, "access"],
    [{ address: 0, type: "bool", bit: 3, access: "write" }, "access"],
    [{ address: 0, type: "string", registers: 124, access: "write" }, "access"],
    [{ address: 0, table: "coil", type: "int16" }, "type"],
    [{ address: 0, type: "bcd", registers: 5 }, "registers"],
    [{ address: 0, type: "string", registers: 2, wordOrder: "CDAB" }, "wordOrder"],
    [{ address: 0, scale: 0 }, "scale"],
    [{ address: 0, type: "int16", bit: 1 }, "bit"],
    [{ address: 0, type: "bool", bit: 16 }, "bit"],
    [{ address: 0, type: "uint16", bit: 12, bits: 5 }, "bit"],
    [{ address: 0, min: 2, max: 1 }, "min"],
  ];
  for (const [register, option] of cases) {
    assert.deepEqual(pointers(withRegister(register)), at(option), JSON.stringify(register));
  }
  assert.deepEqual(
    pointers(withRegister({ address: 0, type: "float64" }, { maxRegistersPerRead: 2 })),
    at("type"),
  );
});

test("names that collide are found", () => {
  const registers = { power: { address: 0 } };
  assert.deepEqual(
    pointers({
      host: "localhost",
      units: {
        meter: {
          unit: 1,
          registers: { power: { address: 0 }, Power: { address: 1 }, online: { address: 2 } },
        },
        Meter: { unit: 2, registers },
        other: { unit: 1, registers },
      },
    }).sort(),
    ["/units/Meter", "/units/meter/registers/Power", "/units/meter/registers/online", "/units/other/unit"],
  );
});

test("the schema refuses what no driver could run with", () => {
  const good = { host: "localhost", units: { meter: { unit: 1, registers: { power: { address: 0 } } } } };
  const bad: object[] = [
    { units: good.units },
    { ...good, units: {} },
    { ...good, port: 0 },
    { ...good, hots: "typo" },
    { ...good, units: { "a b": good.units.meter } },
    { ...good, units: { meter: { ...good.units.meter, unit: 256 } } },
    { ...good, units: { meter: { unit: 1, registers: { power: { address: 65536 } } } } },
    { ...good, units: { meter: { unit: 1, registers: { power: { address: "50001" } } } } },
    { ...good, units: { meter: { unit: 1, registers: { power: { address: 0, type: "int24" } } } } },
  ];
  for (const options of bad) {
    assert.throws(() => startDriver(driver, options), { code: "OPTIONS_INVALID" }, JSON.stringify(options));
  }
});

test("references of five and six digits name table and address", () => {
  assert.deepEqual(parseReference("40001"), { table: "holding", address: 0 });
  assert.deepEqual(parseReference("465536"), { table: "holding", address: 65535 });
  assert.deepEqual(parseReference("30010"), { table: "input", address: 9 });
  assert.deepEqual(parseReference("10001"), { table: "discrete", address: 0 });
  assert.deepEqual(parseReference("000002"), { table: "coil", address: 1 });
  assert.equal(parseReference("40000"), undefined);
  assert.equal(parseReference("20001"), undefined);
  assert.deepEqual(locate({ address: "30010" }), { table: "input", address: 9 });
  assert.deepEqual(locate({ address: 9 }), { table: "holding", address: 9 });
});

test("the manifest lists what is offered", () => {
  const [online, power] = driver.manifest.points(
    withRegister({ address: 0, unit: "W", access: "read-write" }),
  );
  assert.deepEqual(online, { name: "meter/online", summary: "Whether the unit answers" });
  const { schema, ...rest } = power!;
  assert.deepEqual(rest, { name: "meter/power", access: "read-write", unit: "W" });
  assert.ok(schema);
});

test("unit 0 is a device of its own on TCP, and on a serial line all of them, which nobody can read", () => {
  const units = { all: { unit: 0, registers: { level: { address: 0 } } } };
  assert.deepEqual(pointers({ host: "localhost", units }), []);
  for (const way of [
    { transport: "serial", path: "/dev/ttyS0" },
    { transport: "rtu-over-tcp", host: "localhost", port: 4001 },
  ] as const) {
    assert.deepEqual(pointers({ ...way, units }), ["/units/all/registers/level/access"]);
    const written = { all: { unit: 0, registers: { level: { address: 0, access: "write" as const } } } };
    assert.deepEqual(pointers({ ...way, units: written }), []);
  }
});
