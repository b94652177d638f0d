import { setTimeout as delay } from "node:timers/promises";
import { crc16, encodeFrame } from "./rtu.ts";

/** How an answer goes wrong; what is left out has the default that is named. */
export type Mode =
  /** The checksum's bits are turned over. */
  | "bad-crc"
  /** The request is done, but nobody says so. */
  | "silence"
  /** Each byte comes on its own, `gapMs` (20) behind the last. */
  | "split"
  /** The answer comes after `delayMs` (1000): behind the master's patience it may meet the next request. */
  | "late"
  /** Another unit's number, with a good checksum. */
  | "wrong-unit"
  /** Another function code, with a good checksum. */
  | "wrong-function"
  /** Only the first `bytes` (half of them) of the answer. */
  | "truncated"
  /** `bytes` (3) bytes of noise before the answer. */
  | "noise-before"
  /** `bytes` (3) bytes of noise behind it. */
  | "noise-after"
  /** Exception `code` (6, server device busy) instead; nothing is done. */
  | "exception";

export interface ModeOptions {
  /** For how many answers. @default Infinity: until `behave()` */
  times?: number;
  /** Only answers of this unit. @default all */
  unit?: number;
  gapMs?: number;
  delayMs?: number;
  bytes?: number;
  code?: number;
}

/** What noise looks like: no unit's number, and no function. */
const noiseByte = 0xff;

/** Sends an answer's PDU the wrong way. `request` is the request's PDU. Rejects when the signal is aborted. */
export async function sendWrong(options: {
  mode: Mode;
  settings: ModeOptions;
  unit: number;
  request: Buffer;
  reply: Buffer;
  send: (bytes: Uint8Array) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { mode, settings, unit, request, reply, send, signal } = options;
  const frame = encodeFrame(unit, reply);
  const noise = Buffer.alloc(settings.bytes ?? 3, noiseByte);
  switch (mode) {
    case "silence":
      return;
    case "bad-crc":
      frame.writeUInt16LE(~crc16(frame.subarray(0, -2)) & 0xffff, frame.length - 2);
      return send(frame);
    case "split":
      for (const [i, byte] of frame.entries()) {
        if (i > 0) await delay(settings.gapMs ?? 20, undefined, { signal });
        send(Uint8Array.of(byte));
      }
      return;
    case "late":
      await delay(settings.delayMs ?? 1000, undefined, { signal });
      return send(frame);
    case "wrong-unit":
      return send(encodeFrame((unit % 247) + 1, reply));
    case "wrong-function":
      return send(encodeFrame(unit, Buffer.concat([Buffer.of(reply[0]! ^ 0x07), reply.subarray(1)])));
    case "truncated":
      return send(frame.subarray(0, settings.bytes ?? frame.length >> 1));
    case "noise-before":
      return send(Buffer.concat([noise, frame]));
    case "noise-after":
      return send(Buffer.concat([frame, noise]));
    case "exception":
      return send(encodeFrame(unit, Buffer.of(request[0]! | 0x80, settings.code ?? 6)));
  }
}
