/**
 * What a device says of itself: MODBUS Application Protocol V1.1b3, sections 6.13 (Report Server ID) and 6.21 (Read
 * Device Identification). Both only read.
 */
import { frameError, ModbusException } from "./errors.ts";
import { functionCode } from "./pdu.ts";

/** MEI type of Read Device Identification. */
const deviceIdentification = 14;
/** Vendor, product code and revision, all in one reply. */
const basicObjects = 1;

export function encodeReportServerId(): Buffer {
  return Buffer.of(functionCode.reportServerId);
}

export function encodeReadDeviceId(): Buffer {
  return Buffer.of(functionCode.encapsulated, deviceIdentification, basicObjects, 0);
}

/** What can be read of the reply; the rest of its bytes mean what only the maker knows. Throws `MODBUS_*`. */
export function decodeServerId(reply: Buffer): string {
  checkReply(functionCode.reportServerId, reply, 2);
  return printable(reply.subarray(2, 2 + reply[1]!));
}

/** Vendor, product code and revision as one text. Throws `MODBUS_*`. */
export function decodeDeviceId(reply: Buffer): string {
  checkReply(functionCode.encapsulated, reply, 7);
  const texts: string[] = [];
  let at = 7;
  for (let left = reply[6]!; left > 0 && at + 2 <= reply.length; left -= 1) {
    const length = reply[at + 1]!;
    texts.push(printable(reply.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return texts.filter((text) => text !== "").join(" ");
}

function checkReply(code: number, reply: Buffer, leastBytes: number): void {
  if (reply[0] === (code | 0x80) && reply.length === 2) throw new ModbusException(code, reply[1]!);
  if (reply[0] !== code || reply.length < leastBytes)
    throw frameError(`function ${code} was answered by ${reply.toString("hex")}`);
}

/** The visible ASCII of `bytes`, without what stands between. */
function printable(bytes: Buffer): string {
  return bytes
    .toString("latin1")
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, 64);
}
