/**
 * One sentence of NMEA 0183: checked here, parsed by the package `nmea-simple`.
 *
 * The package takes what is missing or malformed for zero: an empty latitude, one without a decimal point, one without
 * N or S (for it, south). A zero is a place, so every field that is used is checked for its shape before, and who
 * reads the packet asks {@link Sentence.has} whether the field was there at all.
 */
import type { Packet } from "nmea-simple";
import { frameError } from "./errors.ts";

export const sentenceIds = ["RMC", "GGA", "GSA", "GSV", "VTG", "ZDA", "GLL"] as const;
export type SentenceId = (typeof sentenceIds)[number];
export type KnownPacket = Extract<Packet, { sentenceId: SentenceId }>;

export interface Sentence {
  /** `GP`, `GN`, `GL` … */
  talker: string;
  packet: KnownPacket;
  /** Whether field `index` was sent; the address is field 0. */
  has(index: number): boolean;
  /** Field `index` as it was sent; empty when it was not. */
  text(index: number): string;
}

/** `parseNmeaSentence` of the package. */
export type Parse = (sentence: string) => Packet;

export async function loadParse(): Promise<Parse> {
  // In a bundle a package in CommonJS has no names but this.
  return (await import("nmea-simple")).default.parseNmeaSentence;
}

const time = /^([01]\d|2[0-3])[0-5]\d([0-5]\d|60)(\.\d{0,9})?$/;
const latitude = /^([0-8]\d[0-5]\d\.\d{0,9}|9000\.0{0,9})$/;
const longitude = /^((0\d\d|1[0-7]\d)[0-5]\d\.\d{0,9}|18000\.0{0,9})$/;
const northSouth = /^[NS]$/;
const eastWest = /^[EW]$/;
const decimal = /^[+-]?\d{1,9}(\.\d{0,9})?$/;
const positive = /^\d{1,9}(\.\d{0,9})?$/;
const count = /^\d{1,3}$/;
const status = /^[AV]$/;

/** Shapes of the fields from 1 on that are used; with nothing any text will do. A field may be empty. */
const shapes: Readonly<Record<SentenceId, { fields: (RegExp | undefined)[]; pairs: [number, number][] }>> = {
  RMC: {
    fields: [time, status, latitude, northSouth, longitude, eastWest, positive, positive, /^\d{6}$/],
    pairs: [
      [3, 4],
      [5, 6],
    ],
  },
  GGA: {
    fields: [time, latitude, northSouth, longitude, eastWest, /^[0-8]$/, count, positive, decimal, /^M$/],
    pairs: [
      [2, 3],
      [4, 5],
    ],
  },
  GSA: {
    fields: [/^[AM]$/, /^[123]$/, ...new Array(12).fill(undefined), positive, positive, positive],
    pairs: [],
  },
  GSV: { fields: [/^\d$/, /^\d$/, count], pairs: [] },
  VTG: {
    fields: [positive, undefined, decimal, undefined, positive, undefined, positive, undefined],
    pairs: [],
  },
  ZDA: { fields: [time, /^\d{2}$/, /^\d{2}$/, /^\d{4}$/], pairs: [] },
  GLL: {
    fields: [latitude, northSouth, longitude, eastWest, time, status],
    pairs: [
      [1, 2],
      [3, 4],
    ],
  },
};

/**
 * Reads a sentence, from its `$` on and without its line end; gives `undefined` for one that is sound but of no use
 * here. Throws `SERIAL_FRAME` when its checksum (IEC 61162-1 section 7.3.4: `*` and two hexadecimal digits, the XOR of
 * all between `$` and `*`) is wrong or missing, or a field is not as it should be.
 */
export function readSentence(
  sentence: string,
  parse: Parse,
  checksum: "required" | "optional",
): Sentence | undefined {
  const body = checkedBody(sentence, checksum);
  const [address = "", ...rest] = body.split(",");
  const [, talker, id] = address.match(/^([A-OQ-Z][A-Z0-9])([A-Z]{3})$/) ?? [];
  if (talker === undefined || !isKnown(id)) return undefined;
  checkFields(id, rest);
  const fields = [address, ...rest];
  const text = (index: number): string => fields[index] ?? "";
  const packet = parse(`$${body}*${xorOf(body)}`) as KnownPacket;
  return { talker, packet, text, has: (index) => text(index) !== "" };
}

function isKnown(id: string | undefined): id is SentenceId {
  return sentenceIds.some((known) => known === id);
}

function checkedBody(sentence: string, checksum: "required" | "optional"): string {
  const [, body, digits] = sentence.match(/^\$([^*]*)(?:\*([0-9A-Fa-f]{2}))?$/) ?? [];
  if (body === undefined) throw frameError(`${short(sentence)} is no sentence`);
  if (digits === undefined) {
    if (checksum === "required") throw frameError(`${short(sentence)} has no checksum`);
  } else if (digits.toUpperCase() !== xorOf(body)) {
    throw frameError(`${short(sentence)}: the checksum should be ${xorOf(body)}`);
  }
  return body;
}

function checkFields(id: SentenceId, fields: string[]): void {
  const { fields: expected, pairs } = shapes[id];
  if (fields.length < expected.length) {
    throw frameError(`${id} has ${fields.length} fields, ${expected.length} are needed`);
  }
  for (const [index, shape] of expected.entries()) {
    const field = fields[index]!;
    if (field !== "" && shape && !shape.test(field)) {
      throw frameError(`field ${index + 1} of ${id} is ${JSON.stringify(field)}`);
    }
  }
  for (const [value, side] of pairs) {
    if ((fields[value - 1] === "") === (fields[side - 1] === "")) continue;
    throw frameError(`fields ${value} and ${side} of ${id} belong together, and one is empty`);
  }
}

/** The checksum of what is between `$` and `*`: two digits. */
export function xorOf(body: string): string {
  let sum = 0;
  for (let i = 0; i < body.length; i++) sum ^= body.charCodeAt(i);
  return sum.toString(16).toUpperCase().padStart(2, "0");
}

function short(sentence: string): string {
  return JSON.stringify(sentence.length > 40 ? `${sentence.slice(0, 40)}…` : sentence);
}
