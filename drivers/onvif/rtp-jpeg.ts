/**
 * A still of an MJPEG stream: RTP payload format for JPEG (RFC 2435). No pixel is decoded: the payloads of a frame are
 * the coded data, and the headers before them are written anew (appendix B).
 */

import { frameHeader, quantizationTables } from "./jpeg-header.ts";
import type { RtpPacket } from "./rtp.ts";

export interface JpegFrames {
  /** Gives the frame that the packet completes; frames with a gap are left out. */
  add(packet: RtpPacket): Buffer | undefined;
}

interface Frame {
  timestamp: number;
  nextSequence: number;
  header: Buffer;
  parts: Buffer[];
  /** Of the coded data so far. */
  bytes: number;
}

/** @param maxBytes of a frame; a longer one is left out */
export function collectJpeg({ maxBytes }: { maxBytes: number }): JpegFrames {
  let frame: Frame | undefined;
  const tables = new Map<number, Buffer>();

  function begin(packet: RtpPacket, start: JpegStart): Frame | undefined {
    let { quantization } = start;
    if (start.q >= 128) {
      // Tables that are left out are those that were sent before with the same Q, unless it is 255.
      if (quantization.length > 0 && start.q !== 255) tables.set(start.q, Buffer.from(quantization));
      else if (quantization.length === 0) quantization = tables.get(start.q) ?? quantization;
    }
    if (quantization.length < 64) return undefined;
    return {
      timestamp: packet.timestamp,
      nextSequence: packet.sequence,
      header: frameHeader({ ...start, quantization }),
      parts: [],
      bytes: 0,
    };
  }

  return {
    add(packet) {
      const part = readJpegPart(packet.payload);
      if (!part) return undefined;
      if (part.start) frame = begin(packet, part.start);
      if (!frame) return undefined;
      const fits =
        frame.timestamp === packet.timestamp &&
        frame.nextSequence === packet.sequence &&
        frame.bytes === part.offset &&
        frame.bytes + part.data.length <= maxBytes;
      if (!fits) {
        frame = undefined;
        return undefined;
      }
      frame.parts.push(Buffer.from(part.data));
      frame.bytes += part.data.length;
      frame.nextSequence = (packet.sequence + 1) & 0xffff;
      if (!packet.marker) return undefined;
      const { header, parts } = frame;
      frame = undefined;
      const whole = Buffer.concat([header, ...parts]);
      const ended = whole.at(-2) === 0xff && whole.at(-1) === 0xd9;
      return ended ? whole : Buffer.concat([whole, Buffer.from([0xff, 0xd9])]);
    },
  };
}

interface JpegStart {
  /** 0: 4:2:2, 1: 4:2:0. */
  type: number;
  q: number;
  width: number;
  height: number;
  restartInterval: number;
  quantization: Buffer;
}

/** RFC 2435 section 3.1; `undefined` for types that it does not define. */
function readJpegPart(payload: Buffer): { offset: number; data: Buffer; start?: JpegStart } | undefined {
  if (payload.length < 8) return undefined;
  const offset = payload.readUIntBE(1, 3);
  const type = payload.readUInt8(4);
  const q = payload.readUInt8(5);
  const restarts = type >= 64 && type < 128;
  if ((type & 0x3f) > 1 || type >= 128 || q === 0 || (q > 99 && q < 128)) return undefined;
  let at = 8;
  if (restarts) at += 4;
  if (payload.length < at) return undefined;
  if (offset > 0) return { offset, data: payload.subarray(at) };
  const restartInterval = restarts ? payload.readUInt16BE(8) : 0;
  let quantization = quantizationTables(q);
  if (q >= 128) {
    if (payload.length < at + 4) return undefined;
    // 16-bit tables are not of the baseline process that types 0 and 1 are.
    const wide = payload.readUInt8(at + 1) !== 0;
    const length = payload.readUInt16BE(at + 2);
    at += 4;
    if (wide || payload.length < at + length) return undefined;
    quantization = payload.subarray(at, at + length);
    at += length;
  }
  const start = {
    type: type & 0x3f,
    q,
    width: payload.readUInt8(6) * 8,
    height: payload.readUInt8(7) * 8,
    restartInterval,
    quantization,
  };
  return { offset, data: payload.subarray(at), start };
}
