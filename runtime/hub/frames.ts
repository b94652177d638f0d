/** A stored message as a frame, or as one that is none, with the reason. */
import type { StoredMsg } from "@nats-io/jetstream";
import { messageOf } from "../errors.ts";
import { type FrameHeader, frameHeaderName, parseFrameHeader } from "../frame.ts";
import { signatureHeaderName } from "../frame-signature.ts";
import { decodeCbor } from "../senml/cbor.ts";
import type { SenmlRecord } from "../senml/record.ts";
import { type Chain, parseChainSubject } from "../subjects.ts";

/**
 * How far a frame's origin is proven. `verified`: by a key that the hub knows its node by. `unsigned`: it has no
 * signature, and need not have one. `unknown`: it is signed, and the hub has no key of that node, or had none then.
 */
export type Standing = "verified" | "unsigned" | "unknown";

export interface HubFrame {
  subject: string;
  chain: Chain;
  header: FrameHeader;
  /** The header's text, as it was signed. */
  headerText: string;
  /** Text of the header `Umec-Signature`. */
  signature: string | undefined;
  /** Without the hub's records no frame is `verified`; see node-keys.ts. */
  signed: Standing;
  /** Sequence in the stream. */
  seq: number;
  /** When the hub stored it, by the hub's clock, in Unix milliseconds. */
  storedAtMs: number;
  /** The pack as it was sent, in `application/senml+cbor`. */
  data: Uint8Array;
  /** The pack's records, resolved (RFC 8428 section 4.6). @throws UmecError `SENML_INVALID` */
  records(): SenmlRecord[];
}

/** A message in the stream that is no frame, or a frame or gap record that can't be read. */
export interface MalformedFrame {
  malformed: true;
  subject: string;
  seq: number;
  storedAtMs: number;
  reason: string;
}

/** A frame of an enrolled node that the node did not sign, or not so: its data is nobody's. */
export interface ForgedFrame {
  forged: true;
  subject: string;
  seq: number;
  storedAtMs: number;
  reason: string;
}

export function isMalformed(frame: HubFrame | MalformedFrame): frame is MalformedFrame {
  return "malformed" in frame;
}

/** What is found by itself: nothing is verified yet. */
export function toFrame(message: StoredMsg): HubFrame | MalformedFrame {
  const { subject, seq, data } = message;
  const place = { subject, seq, storedAtMs: Date.parse(message.timestamp) };
  const malformed = (reason: string): MalformedFrame => ({ malformed: true, ...place, reason });

  const chain = parseChainSubject(subject);
  if (!chain) return malformed("its subject is no chain");
  const text = message.header?.get(frameHeaderName);
  if (!text) return malformed(`it has no header ${frameHeaderName}`);
  const header = parseFrameHeader(text);
  if (!header) return malformed(`its header ${frameHeaderName} is ${JSON.stringify(text.slice(0, 120))}`);
  const { first, last, since, samples } = header;
  if (first < 1 || first > last) return malformed(`its rows are ${first}-${last}`);
  if (![last, since, samples].every(Number.isSafeInteger))
    return malformed("a number in its header is too large");
  const signature = message.header.get(signatureHeaderName) || undefined;
  const signed = signature === undefined ? "unsigned" : "unknown";
  return {
    ...place,
    chain,
    header,
    headerText: text,
    signature,
    signed,
    data,
    records: () => decodeCbor(data),
  };
}

/** The frame's records, or why they can't be had. */
export function recordsOf(frame: HubFrame): SenmlRecord[] | MalformedFrame {
  try {
    return frame.records();
  } catch (error) {
    return malformedFrame(frame, messageOf(error));
  }
}

export function malformedFrame({ subject, seq, storedAtMs }: HubFrame, reason: string): MalformedFrame {
  return { malformed: true, subject, seq, storedAtMs, reason };
}
