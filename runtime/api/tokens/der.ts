/** Distinguished encoding of what a certificate is made of (ITU-T X.690). */

export function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(bytes.length)]), bytes]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let left = length; left > 0; left >>>= 8) octets.unshift(left & 0xff);
  return [0x80 | octets.length, ...octets];
}

export const sequence = (...content: readonly Uint8Array[]): Buffer => der(0x30, ...content);
export const set = (...content: readonly Uint8Array[]): Buffer => der(0x31, ...content);
export const octets = (content: Uint8Array): Buffer => der(0x04, content);
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
export const yes: Buffer = der(0x01, Uint8Array.of(0xff));

/** A positive number, most significant octet first. */
export function integer(bytes: Uint8Array): Buffer {
  return der(0x02, bytes[0]! & 0x80 ? Buffer.concat([Uint8Array.of(0), bytes]) : bytes);
}

/** @param unused bits at the end that say nothing */
export function bits(content: Uint8Array, unused = 0): Buffer {
  return der(0x03, Uint8Array.of(unused), content);
}

/** @param path such as `2.5.29.17` */
export function oid(path: string): Buffer {
  const [first = 0, second = 0, ...rest] = path.split(".").map(Number);
  const base128 = (value: number): number[] => {
    const groups = [value & 0x7f];
    for (let left = value >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  };
  return der(0x06, Uint8Array.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5). */
export function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/\.\d+|[-:T]/g, "");
  const short = Number(text.slice(0, 4)) < 2050;
  return der(short ? 0x17 : 0x18, Buffer.from(short ? text.slice(2) : text));
}
