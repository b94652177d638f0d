import assert from "node:assert/strict";
import { test } from "node:test";
import modbusSerialModule from "modbus-serial";
import { encodeWriteCoils } from "./pdu.ts";
import { answer, createMemory, startSimulator } from "./simulator.ts";

test("a foreign client reads and writes all tables", async () => {
  const memory = createMemory();
  memory.set("holding", 0, 1, 2, 3);
  memory.set("input", 5, 500, 501);
  memory.set("coil", 0, ...Array.from({ length: 12 }, () => 0));
  memory.set("discrete", 0, 1, 0, 1);
  await using simulator = await startSimulator({ units: { 9: memory } });
  const client = new modbusSerialModule.default();
  await client.connectTCP("127.0.0.1", { port: simulator.port });
  try {
    client.setID(9);
    client.setTimeout(2000);
    assert.deepEqual((await client.readInputRegisters(5, 2)).data, [500, 501]);
    assert.deepEqual((await client.readDiscreteInputs(0, 3)).data.slice(0, 3), [true, false, true]);
    await client.writeRegisters(1, [20, 30]);
    await client.writeRegister(0, 10);
    assert.deepEqual((await client.readHoldingRegisters(0, 3)).data, [10, 20, 30]);
    const coils = [1, 0, 1, 1, 0, 0, 1, 1, 1, 0].map(Boolean);
    await client.writeCoils(1, coils);
    await client.writeCoil(11, true);
    assert.deepEqual((await client.readCoils(1, 11)).data.slice(0, 11), [...coils, true]);
    await assert.rejects(client.readHoldingRegisters(3, 1), /Illegal data address/);
    assert.equal(simulator.requests.at(-1)?.address, 3);
  } finally {
    client.close();
  }
});

test("requests that are against the rules get the exception that the standard asks for", () => {
  const unit = createMemory({ holding: { 0: 1, 65535: 1 }, input: { 0: 1 }, coil: { 0: 0 } });
  const reply = (request: string): string | undefined =>
    answer(unit, Buffer.from(request.replaceAll(" ", ""), "hex"))?.toString("hex");
  assert.equal(reply("07"), "8701");
  assert.equal(reply("14 00 00 00 00"), "9401");
  assert.equal(reply("03 0000 0000"), "8303");
  assert.equal(reply("03 0000 007e"), "8303");
  assert.equal(reply("03 ffff 0002"), "8302");
  assert.equal(reply("03 0001 0001"), "8302");
  assert.equal(reply("03 00"), "8303");
  assert.equal(reply("05 0000 0001"), "8503");
  assert.equal(reply("06 0001 0001"), "8602");
  assert.equal(reply("10 0000 0001 04 0001"), "9003");
  assert.equal(answer(unit, encodeWriteCoils(0, [true, true]))?.toString("hex"), "8f02");
  assert.equal(answer(undefined, Buffer.from("0300000001", "hex")), undefined);
});
