import assert from "node:assert/strict";
import { test } from "node:test";
import { startDriver } from "../../runtime/plugin/testkit.ts";
import { checkOptions } from "./check.ts";
import { resolveUnits } from "./config.ts";
import { driver } from "./driver.ts";
import type { ModbusOptions, UnitOptions } from "./options.ts";
import { profileNames, profiles } from "./profiles.ts";
import { createMemory, startSimulator } from "./simulator.ts";

const options = (unit: Omit<UnitOptions, "unit">): ModbusOptions => ({
  host: "localhost",
  units: { m: { unit: 1, ...unit } },
});
const findings = (unit: Omit<UnitOptions, "unit">) => checkOptions(options(unit));

for (const profile of profileNames) {
  test(`${profile} is a sound map: valid options, each register once, each value in one read`, () => {
    assert.deepEqual(findings({ profile }), []);
    const [unit] = resolveUnits(options({ profile }));
    const places = unit!.registers.map(({ table, address }) => `${table} ${address}`);
    assert.equal(new Set(places).size, places.length, "two registers share an address");
    assert.ok(unit!.registers.length > 0 && profiles[profile].summary !== "");
  });
}

test("a meter and a probe are read by their profiles alone", async () => {
  const meter = createMemory();
  meter.setBytes("input", 0, Buffer.from("4366800043660000", "hex"));
  meter.setBytes("input", 0x34, Buffer.from("c49c4800", "hex"));
  meter.setBytes("input", 0x156, Buffer.from("44a5223d", "hex"));
  const probe = createMemory({ input: { 1: 0xffe7, 2: 0x01c7 } });
  await using simulator = await startSimulator({ units: { 1: meter, 2: probe } });
  await using run = startDriver(driver, {
    host: "127.0.0.1",
    port: simulator.port,
    units: { meter: { unit: 1, profile: "eastron-sdm630" }, probe: { unit: 2, profile: "xy-md02" } },
  });
  const value = async (name: string) => {
    const [sample] = await run.samples((one) => one.name === name);
    return [sample?.value, sample?.unit];
  };
  assert.deepEqual(await value("meter/voltage-l1"), [230.5, "V"]);
  assert.deepEqual(await value("meter/voltage-l2"), [230, "V"]);
  assert.deepEqual(await value("meter/power"), [-1250.25, "W"]);
  const [energy, kWh] = await value("meter/energy-total");
  assert.deepEqual([Math.fround(1321.07), "kWh"], [energy, kWh]);
  assert.deepEqual(await value("probe/temperature"), [-2.5, "Cel"]);
  assert.deepEqual(await value("probe/humidity"), [45.5, "%RH"]);
});

test("what the unit says counts more than the profile, option by option", () => {
  const [unit] = resolveUnits(
    options({
      profile: "xy-md02",
      intervalMs: 250,
      without: ["humidity"],
      registers: { temperature: { offset: -1.5 }, dewpoint: { table: "input", address: 9 } },
    }),
  );
  assert.deepEqual(
    unit!.registers.map(({ name, address, unit, intervalMs }) => [name, address, unit, intervalMs]),
    [
      ["m/temperature", 1, "Cel", 250],
      ["m/dewpoint", 9, undefined, 250],
    ],
  );
  assert.equal(unit!.registers[0]!.codec.decode(Buffer.from("00fa", "hex"), 0), 23.5);
});

test("the driver's defaults do not overrule a profile, whoever fills them in", async () => {
  const memory = createMemory({ input: { 1: 250, 2: 455 } });
  await using simulator = await startSimulator({ units: { 1: memory } });
  const units = { m: { unit: 1, profile: "xy-md02", registers: { temperature: { priority: "high" } } } };
  await using run = startDriver(driver, { host: "127.0.0.1", port: simulator.port, units });
  const [sample] = await run.samples(({ name }) => name === "m/temperature");
  assert.equal(sample?.value, 25);
  const text = JSON.stringify(driver.manifest.options);
  for (const option of [
    "scale",
    "offset",
    "type",
    "access",
    "wordOrder",
    "intervalMs",
    "maxRegistersPerRead",
  ])
    assert.doesNotMatch(text, new RegExp(`"${option}":\\{[^{}]*"default"`), option);
});

test("a finding names the profile, and points at what the file says", () => {
  assert.deepEqual(findings({ profile: "xy-md02", without: ["humidity", "dewpoint"] }), [
    {
      pointer: "/units/m/without/1",
      reason: "the profile xy-md02 has no register dewpoint",
      hint: "it has temperature, humidity",
    },
  ]);
  assert.deepEqual(findings({ profile: "xy-md02", without: ["temperature", "humidity"] }), [
    { pointer: "/units/m/without", reason: "nothing is left of the profile xy-md02" },
  ]);
  assert.deepEqual(findings({ profile: "xy-md02", registers: { dewpoint: { unit: "Cel" } } }), [
    {
      pointer: "/units/m/registers/dewpoint",
      reason: "it has no address, and the profile xy-md02 has no dewpoint",
    },
  ]);
  const [writes] = findings({ profile: "xy-md02", registers: { humidity: { access: "write" } } });
  assert.equal(writes?.pointer, "/units/m/registers/humidity/access");
  assert.match(writes!.reason, /^humidity of the profile xy-md02: table input can't be written/);
  const tooNarrow = findings({ profile: "eastron-sdm120", maxRegistersPerRead: 1 });
  assert.equal(tooNarrow[0]?.pointer, "/units/m/profile");
  assert.match(tooNarrow[0]!.reason, /^voltage of the profile eastron-sdm120: /);
});

test("without a profile a unit needs registers with addresses", () => {
  assert.deepEqual(findings({})[0], {
    pointer: "/units/m",
    reason: "it has neither registers nor a profile",
    hint: "name at least one register",
  });
  assert.equal(findings({ registers: { x: { unit: "V" } } })[0]?.reason, "it has no address");
  assert.match(
    findings({ without: ["x"], registers: { y: { address: 0 } } })[0]!.reason,
    /there is no profile/,
  );
});

test("the schema tells every profile, and a name that is none is refused", () => {
  const text = JSON.stringify(driver.manifest.options);
  for (const name of profileNames) assert.ok(text.includes(`${name} (${profiles[name].summary})`), name);
  const units = { m: { unit: 1, profile: "sdm630" } };
  assert.throws(() => startDriver(driver, { host: "localhost", units }), { code: "OPTIONS_INVALID" });
});

test("what a device does not have is left out with the name of the profile", async () => {
  await using simulator = await startSimulator({ units: { 1: createMemory({ input: { 1: 250 } }) } });
  const units = { m: { unit: 1, profile: "xy-md02" } };
  await using run = startDriver(driver, { host: "127.0.0.1", port: simulator.port, units });
  await run.samples(({ name }) => name === "m/temperature");
  await run.line(/m\/humidity is left out: .*\(profile xy-md02\)/);
});
