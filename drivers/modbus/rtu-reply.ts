/** Finds the reply to a request in what came over the line. */
import { answerBytes, identifies, isIntact, replyBytes } from "./rtu-frame.ts";

interface Asked {
  unit: number;
  pdu: Buffer;
}

/** The whole frame, with the right CRC, that begins with the first byte; a view. */
export function leadingFrame(bytes: Buffer): Buffer | undefined {
  const length = replyBytes(bytes, 0);
  return length && isIntact(bytes, 0, length) ? bytes.subarray(0, length) : undefined;
}

/**
 * The PDU of the reply, if it begins at `at`: right CRC, the unit that was asked, the function that was asked for
 * (or its exception), and as many bytes as were asked for. A view.
 */
export function findReply(bytes: Buffer, asked: Asked, at: number): Buffer | undefined {
  const length = lengthOfReply(bytes, asked, at);
  return length && isIntact(bytes, at, length) ? bytes.subarray(at + 1, at + length - 2) : undefined;
}

/**
 * What is wrong with `bytes`, which hold no reply; `undefined` if there are none. `whole`: it was a reply, and all
 * of it came, so that no more is to be expected.
 */
export function damageOf(bytes: Buffer, asked: Asked): { what: string; whole: boolean } | undefined {
  if (bytes.length === 0) return undefined;
  const length = lengthOfReply(bytes, asked, 0);
  const shown = bytes.toString("hex", 0, 16) + (bytes.length > 16 ? "…" : "");
  if (length === undefined)
    return { what: `${bytes.length} bytes of something else (${shown})`, whole: false };
  if (bytes.length < length)
    return { what: `${bytes.length} of its ${length} bytes (${shown})`, whole: false };
  return { what: `one with a wrong CRC (${shown})`, whole: true };
}

/** Length of the reply that begins at `at`; `undefined` if none does. */
function lengthOfReply(bytes: Buffer, { unit, pdu }: Asked, at: number): number | undefined {
  if (bytes[at] !== unit) return undefined;
  const code = pdu[0]!;
  const expected = answerBytes(pdu);
  if (bytes[at + 1] === (code | 0x80)) return 5;
  if (bytes[at + 1] !== code) return undefined;
  if (identifies(code)) return replyBytes(bytes, at);
  // Reads say how many bytes follow; a frame cut off before it may still be the one.
  const count = bytes[at + 2];
  return code > 4 || count === undefined || count === expected - 5 ? expected : undefined;
}
