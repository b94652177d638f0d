import { setTimeout as delay } from "node:timers/promises";
import type { Table } from "./pdu.ts";
import { encodeRtu } from "./rtu-frame.ts";

/** How an answer goes wrong; what is left out has the default that is named. */
export type Misbehaviour =
  /** The checksum's bits are turned over. */
  | "bad-crc"
  /** The request is done, but nobody says so. */
  | "silence"
  /** Each byte comes on its own, `gapMs` (20) behind the last; with `bytes` in two parts, the first of so many. */
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
  /** Both. */
  | "noise"
  /** Exception `code` (6, server device busy) instead; nothing is done. */
  | "exception";

export interface MisbehaveOptions {
  /** For how many answers. @default Infinity: until `behave()` */
  times?: number;
  /** Only answers of this unit. @default all */
  unit?: number;
  /** Only answers from, or to, this table. @default all */
  table?: Table;
  gapMs?: number;
  delayMs?: number;
  bytes?: number;
  code?: number;
}

/** Bits of many kinds; no two bytes of it are a unit of 1 to 84 and a function code. */
const noisePattern = Buffer.from("ff00aa55aa0180aa", "hex");

/** Sends an answer's PDU the wrong way. `request` is the request's PDU. Rejects when the signal is aborted. */
export async function sendWrong(options: {
  mode: Misbehaviour;
  settings: MisbehaveOptions;
  unit: number;
  request: Buffer;
  reply: Buffer;
  send: (bytes: Buffer) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { mode, settings, unit, request, reply, send, signal } = options;
  const frame = encodeRtu(unit, reply);
  const noise = Buffer.alloc(settings.bytes ?? 3, noisePattern);
  switch (mode) {
    case "silence":
      return;
    case "bad-crc":
      frame[frame.length - 2]! ^= 0xff;
      frame[frame.length - 1]! ^= 0xff;
      return send(frame);
    case "split":
      for (const [i, part] of partsOf(frame, settings.bytes).entries()) {
        if (i > 0) await delay(settings.gapMs ?? 20, undefined, { signal });
        send(part);
      }
      return;
    case "late":
      await delay(settings.delayMs ?? 1000, undefined, { signal });
      return send(frame);
    case "wrong-unit":
      // Never the next number: that one may be on the line too, and then the master can't tell who speaks.
      return send(encodeRtu(((unit + 82) % 247) + 1, reply));
    case "wrong-function":
      return send(encodeRtu(unit, Buffer.concat([Buffer.of(reply[0]! ^ 0x07), reply.subarray(1)])));
    case "truncated":
      return send(frame.subarray(0, settings.bytes ?? frame.length >> 1));
    case "noise-before":
      return send(Buffer.concat([noise, frame]));
    case "noise-after":
      return send(Buffer.concat([frame, noise]));
    case "noise":
      return send(Buffer.concat([noise, frame, noise]));
    case "exception":
      return send(encodeRtu(unit, Buffer.of(request[0]! | 0x80, settings.code ?? 6)));
  }
}

function partsOf(frame: Buffer, first: number | undefined): Buffer[] {
  if (first === undefined) return Array.from(frame, (byte) => Buffer.of(byte));
  return [frame.subarray(0, first), frame.subarray(first)];
}
