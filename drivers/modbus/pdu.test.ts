import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { ModbusException } from "./errors.ts";
import {
  decodeRead,
  decodeWrite,
  encodeRead,
  encodeWriteCoil,
  encodeWriteCoils,
  encodeWriteRegisters,
} from "./pdu.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

test("requests are the examples of the application protocol, sections 6.1 to 6.12", () => {
  assert.deepEqual(encodeRead("coil", 0x13, 0x13), hex("01 0013 0013"));
  assert.deepEqual(encodeRead("discrete", 0xc4, 0x16), hex("02 00c4 0016"));
  assert.deepEqual(encodeRead("holding", 0x6b, 3), hex("03 006b 0003"));
  assert.deepEqual(encodeRead("input", 8, 1), hex("04 0008 0001"));
  assert.deepEqual(encodeWriteCoil(0xac, true), hex("05 00ac ff00"));
  assert.deepEqual(encodeWriteRegisters(1, hex("0003")), hex("06 0001 0003"));
  assert.deepEqual(encodeWriteRegisters(1, hex("000a 0102")), hex("10 0001 0002 04 000a 0102"));
  const coils = [1, 0, 1, 1, 0, 0, 1, 1, 1, 0].map(Boolean);
  assert.deepEqual(encodeWriteCoils(0x13, coils), hex("0f 0013 000a 02 cd01"));
});

test("a reply's data is given if it has the size that was asked for", () => {
  assert.deepEqual(decodeRead(hex("03 006b 0003"), hex("03 06 022b 0000 0064")), hex("022b 0000 0064"));
  assert.deepEqual(decodeRead(hex("01 0013 0013"), hex("01 03 cd6b05")), hex("cd6b05"));
  for (const reply of ["03 04 022b 0000", "03 06 022b 0000", "04 06 022b 0000 0064", "03"]) {
    assert.throws(
      () => decodeRead(hex("03 006b 0003"), hex(reply)),
      (error) => isUmecError(error, "MODBUS_FRAME"),
    );
  }
});

test("an exception carries its number and name", () => {
  assert.throws(
    () => decodeRead(hex("01 04a1 0001"), hex("81 02")),
    (error) =>
      error instanceof ModbusException &&
      error.code === "MODBUS_EXCEPTION" &&
      error.exception === 2 &&
      error.refusesRange &&
      /illegal data address \(exception 2\)/.test(error.message),
  );
  assert.equal(new ModbusException(3, 11).unitIsSilent, true);
});

test("the reply to a write has to repeat it", () => {
  decodeWrite(hex("06 0001 0003"), hex("06 0001 0003"));
  decodeWrite(hex("10 0001 0002 04 000a 0102"), hex("10 0001 0002"));
  assert.throws(
    () => decodeWrite(hex("06 0001 0003"), hex("06 0001 0004")),
    (error) => isUmecError(error, "MODBUS_FRAME"),
  );
});
