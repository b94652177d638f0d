import type { Socket } from "node:net";
import type { ByteReader } from "./byte-reader.ts";
import {
  handshakeFlags,
  info,
  largestRequest,
  magic,
  option,
  optionReply,
  transmissionFlags,
} from "./nbd-wire.ts";

const longestOption = 4096 + 64;

const flags =
  transmissionFlags.hasFlags |
  transmissionFlags.sendFlush |
  transmissionFlags.sendFua |
  transmissionFlags.sendTrim;

/**
 * The fixed newstyle handshake, without TLS and structured replies. There is one export, whatever the client calls it.
 * Resolves with whether the client wants to go on to the transmission.
 */
export async function shakeHands(socket: Socket, from: ByteReader, bytes: number): Promise<boolean> {
  const greeting = Buffer.alloc(18);
  greeting.writeBigUInt64BE(magic.greeting, 0);
  greeting.writeBigUInt64BE(magic.option, 8);
  greeting.writeUInt16BE(handshakeFlags.fixedNewstyle | handshakeFlags.noZeroes, 16);
  socket.write(greeting);
  const clientFlags = (await from.take(4))?.readUInt32BE(0);
  if (clientFlags === undefined) return false;
  for (;;) {
    const head = await from.take(16);
    if (!head || head.readBigUInt64BE(0) !== magic.option) return false;
    const asked = head.readUInt32BE(8);
    const length = head.readUInt32BE(12);
    if (length > longestOption) return false;
    const data = await from.take(length);
    if (!data) return false;
    const reply = (type: number, body: Buffer = Buffer.alloc(0)) => {
      const message = Buffer.alloc(20);
      message.writeBigUInt64BE(magic.optionReply, 0);
      message.writeUInt32BE(asked, 8);
      message.writeUInt32BE(type, 12);
      message.writeUInt32BE(body.length, 16);
      socket.write(Buffer.concat([message, body]));
    };
    switch (asked) {
      case option.exportName: {
        const zeroes = clientFlags & handshakeFlags.noZeroes ? 0 : 124;
        socket.write(Buffer.concat([sizeAndFlags(bytes), Buffer.alloc(zeroes)]));
        return true;
      }
      case option.abort:
        reply(optionReply.ack);
        return false;
      case option.list:
        reply(optionReply.server, Buffer.alloc(4));
        reply(optionReply.ack);
        break;
      case option.info:
      case option.go:
        if (data.length < 6 || data.length < data.readUInt32BE(0) + 6) {
          reply(optionReply.invalid);
          break;
        }
        reply(optionReply.info, Buffer.concat([uint16(info.export), sizeAndFlags(bytes)]));
        reply(optionReply.info, blockSizes());
        reply(optionReply.ack);
        if (asked === option.go) return true;
        break;
      default:
        reply(optionReply.unsupported);
    }
  }
}

function sizeAndFlags(bytes: number): Buffer {
  const body = Buffer.alloc(10);
  body.writeBigUInt64BE(BigInt(bytes), 0);
  body.writeUInt16BE(flags, 8);
  return body;
}

function blockSizes(): Buffer {
  const body = Buffer.alloc(14);
  body.writeUInt16BE(info.blockSize, 0);
  body.writeUInt32BE(512, 2);
  body.writeUInt32BE(4096, 6);
  body.writeUInt32BE(largestRequest, 10);
  return body;
}

function uint16(value: number): Buffer {
  const body = Buffer.alloc(2);
  body.writeUInt16BE(value, 0);
  return body;
}
