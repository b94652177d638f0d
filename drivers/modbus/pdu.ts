/**
 * Protocol data units: requests are encoded, replies are checked against the request they answer.
 *
 * MODBUS Application Protocol V1.1b3, section 6; all numbers big-endian (section 4.2). A PDU is at most
 * 253 bytes (section 4.1), from which the limits below follow.
 */
import { frameError, ModbusException } from "./errors.ts";

/** The four tables of the data model (section 4.3). */
export type Table = "coil" | "discrete" | "input" | "holding";

export const functionCode = {
  readCoils: 1,
  readDiscreteInputs: 2,
  readHoldingRegisters: 3,
  readInputRegisters: 4,
  writeSingleCoil: 5,
  writeSingleRegister: 6,
  writeMultipleCoils: 15,
  writeMultipleRegisters: 16,
  reportServerId: 17,
  /** Modbus encapsulated interface, of which only the device identification is used. */
  encapsulated: 43,
} as const;

const readFunction: Readonly<Record<Table, number>> = {
  coil: functionCode.readCoils,
  discrete: functionCode.readDiscreteInputs,
  holding: functionCode.readHoldingRegisters,
  input: functionCode.readInputRegisters,
};

/** Most registers in one read (sections 6.3, 6.4). */
export const maxRegistersPerRead = 125;
/** Most coils or discrete inputs in one read (sections 6.1, 6.2). */
export const maxCoilsPerRead = 2000;
/** Most registers in one write (section 6.12). */
export const maxRegistersPerWrite = 123;

export function isBitTable(table: Table): boolean {
  return table === "coil" || table === "discrete";
}

/** Sections 6.1 to 6.4. `address` counts from 0, `count` in registers or bits. */
export function encodeRead(table: Table, address: number, count: number): Buffer {
  return fiveBytes(readFunction[table], address, count);
}

/** Section 6.5: `0xFF00` is on, `0x0000` off. */
export function encodeWriteCoil(address: number, on: boolean): Buffer {
  return fiveBytes(functionCode.writeSingleCoil, address, on ? 0xff00 : 0);
}

/** Section 6.11, for up to 1968 coils. */
export function encodeWriteCoils(address: number, coils: readonly boolean[]): Buffer {
  const pdu = writeMany(functionCode.writeMultipleCoils, address, coils.length, Math.ceil(coils.length / 8));
  coils.forEach((on, i) => {
    if (on) pdu[6 + (i >> 3)]! |= 1 << (i & 7);
  });
  return pdu;
}

/** Section 6.6 for one register, 6.12 for up to 123. `words` holds the registers as they go over the wire. */
export function encodeWriteRegisters(address: number, words: Buffer): Buffer {
  if (words.length === 2) {
    return fiveBytes(functionCode.writeSingleRegister, address, words.readUInt16BE(0));
  }
  const pdu = writeMany(functionCode.writeMultipleRegisters, address, words.length / 2, words.length);
  words.copy(pdu, 6);
  return pdu;
}

function fiveBytes(code: number, first: number, second: number): Buffer {
  const pdu = Buffer.allocUnsafe(5);
  pdu[0] = code;
  pdu.writeUInt16BE(first, 1);
  pdu.writeUInt16BE(second, 3);
  return pdu;
}

function writeMany(code: number, address: number, count: number, bytes: number): Buffer {
  const pdu = Buffer.alloc(6 + bytes);
  pdu[0] = code;
  pdu.writeUInt16BE(address, 1);
  pdu.writeUInt16BE(count, 3);
  pdu[5] = bytes;
  return pdu;
}

/**
 * The data bytes of the reply to a read: registers, or bits packed with the first in bit 0.
 * Throws `MODBUS_EXCEPTION`, or `MODBUS_FRAME` if the reply does not fit the request.
 */
export function decodeRead(request: Buffer, reply: Buffer): Buffer {
  checkFunction(request, reply);
  const code = request[0]!;
  const count = request.readUInt16BE(3);
  const bytes = code <= functionCode.readDiscreteInputs ? (count + 7) >> 3 : count * 2;
  if (reply[1] !== bytes || reply.length !== bytes + 2) {
    throw frameError(`function ${code}: ${bytes} bytes were asked for, ${reply.length - 2} came`);
  }
  return reply.subarray(2);
}

/** Checks the reply to a write, which repeats the request's first five bytes. Throws as {@link decodeRead}. */
export function decodeWrite(request: Buffer, reply: Buffer): void {
  checkFunction(request, reply);
  if (reply.length !== 5 || reply.compare(request, 0, 5) !== 0) {
    throw frameError(
      `function ${request[0]}: the reply ${reply.toString("hex")} does not repeat the request`,
    );
  }
}

function checkFunction(request: Buffer, reply: Buffer): void {
  const code = request[0]!;
  if (reply[0] === code) return;
  if (reply[0] === (code | 0x80) && reply.length === 2) throw new ModbusException(code, reply[1]!);
  throw frameError(`function ${code} was answered by function ${reply[0]}`);
}
