/**
 * The structures of version 2 of the kernel's GPIO interface, as bytes: Linux, include/uapi/linux/gpio.h.
 *
 * All of them are little-endian on the machines that we run on, and laid out alike with 32 and with 64 bits: every
 * `__u64` in them is aligned to 8. The numbers of the calls hold direction, size, 0xB4 and the call
 * (include/uapi/asm-generic/ioctl.h), so a wrong size is refused by the kernel and does no harm.
 */
import type { Bias, Chip, Drive, EdgeKind, LineConfig, LineInfo } from "./port.ts";

export const ioctls = {
  getChipInfo: 0x8044_b401,
  getLineInfo: 0xc100_b405,
  getLine: 0xc250_b407,
  getValues: 0xc010_b40e,
  setValues: 0xc010_b40f,
} as const;

export const chipInfoBytes = 68;
export const lineInfoBytes = 256;
export const lineRequestBytes = 592;
export const lineValuesBytes = 16;
export const lineEventBytes = 48;

/** Most lines of one request: GPIO_V2_LINES_MAX. */
export const maxLines = 64;
/** Most events that the kernel keeps for one request: it cuts larger wishes to 16 for each of 64 lines. */
export const maxBufferedEvents = 16 * maxLines;

const nameBytes = 32;
/** enum gpio_v2_line_flag. All are below bit 32. */
const flag = {
  used: 1,
  activeLow: 2,
  input: 4,
  output: 8,
  edgeRising: 16,
  edgeFalling: 32,
  openDrain: 64,
  openSource: 128,
  biasPullUp: 256,
  biasPullDown: 512,
  biasDisabled: 1024,
} as const;
const biasFlags: Record<Bias, number> = {
  "as-is": 0,
  "pull-up": flag.biasPullUp,
  "pull-down": flag.biasPullDown,
  disabled: flag.biasDisabled,
};
const driveFlags: Record<Drive, number> = {
  "push-pull": 0,
  "open-drain": flag.openDrain,
  "open-source": flag.openSource,
};
const edgeFlags: Record<EdgeKind, number> = {
  none: 0,
  rising: flag.edgeRising,
  falling: flag.edgeFalling,
  both: flag.edgeRising | flag.edgeFalling,
};
/** enum gpio_v2_line_attr_id. */
const attribute = { outputValues: 2, debounce: 3 } as const;
const risingEvent = 1;

/** struct gpiochip_info. */
export function decodeChipInfo(bytes: Uint8Array): Chip {
  return { name: text(bytes, 0), label: text(bytes, nameBytes), lines: view(bytes).getUint32(64, true) };
}

/** struct gpio_v2_line_info that asks for a line. */
export function encodeLineInfo(offset: number): Uint8Array {
  const bytes = new Uint8Array(lineInfoBytes);
  view(bytes).setUint32(64, offset, true);
  return bytes;
}

export function decodeLineInfo(bytes: Uint8Array): LineInfo {
  const flags = view(bytes).getUint32(72, true);
  return {
    name: text(bytes, 0),
    consumer: text(bytes, nameBytes),
    used: (flags & flag.used) !== 0,
    output: (flags & flag.output) !== 0,
  };
}

export interface EncodedRequest {
  offsets: readonly number[];
  config: LineConfig;
  /** Of outputs, in the order of the offsets. */
  values?: readonly boolean[];
  consumer: string;
}

/** struct gpio_v2_line_request. */
export function encodeLineRequest({ offsets, config, values = [], consumer }: EncodedRequest): Uint8Array {
  const bytes = new Uint8Array(lineRequestBytes);
  const data = view(bytes);
  offsets.forEach((offset, index) => void data.setUint32(4 * index, offset, true));
  bytes.set(new TextEncoder().encode(consumer).subarray(0, nameBytes - 1), 256);
  const input = config.direction === "in";
  const flags =
    (config.activeLow ? flag.activeLow : 0) |
    biasFlags[config.bias] |
    (input ? flag.input | edgeFlags[config.edge] : flag.output | driveFlags[config.drive]);
  data.setUint32(288, flags, true);
  const mask = allOf(offsets.length);
  if (input && config.debounceMs > 0) {
    data.setUint32(320, attribute.debounce, true);
    data.setUint32(328, Math.round(config.debounceMs * 1000), true);
    data.setBigUint64(336, mask, true);
    data.setUint32(296, 1, true);
  }
  if (!input) {
    data.setUint32(320, attribute.outputValues, true);
    data.setBigUint64(328, bitsOf(values), true);
    data.setBigUint64(336, mask, true);
    data.setUint32(296, 1, true);
  }
  data.setUint32(560, offsets.length, true);
  data.setUint32(564, input && config.edge !== "none" ? maxBufferedEvents : 0, true);
  return bytes;
}

/** The descriptor that the kernel has put into a request. */
export function requestedFd(bytes: Uint8Array): number {
  return view(bytes).getInt32(588, true);
}

/** struct gpio_v2_line_values; bit n is the request's line n. */
export function encodeLineValues(bits: bigint, mask: bigint): Uint8Array {
  const bytes = new Uint8Array(lineValuesBytes);
  view(bytes).setBigUint64(0, bits, true);
  view(bytes).setBigUint64(8, mask, true);
  return bytes;
}

export function decodeLineValues(bytes: Uint8Array, count: number): boolean[] {
  const bits = view(bytes).getBigUint64(0, true);
  return Array.from({ length: count }, (_, index) => ((bits >> BigInt(index)) & 1n) === 1n);
}

export interface LineEvent {
  offset: number;
  rising: boolean;
  /** Milliseconds of CLOCK_MONOTONIC. */
  atMs: number;
  /** Number of the event on its line: 1, 2, 3 … and after 2^32 - 1 comes 0. */
  lineSeqno: number;
}

/** struct gpio_v2_line_event, number `index` of `bytes`. */
export function decodeLineEvent(bytes: Uint8Array, index: number): LineEvent {
  const data = view(bytes);
  const at = index * lineEventBytes;
  // A double holds the nanoseconds of 104 days exactly, and those of a century to half a microsecond.
  const ns = data.getUint32(at + 4, true) * 2 ** 32 + data.getUint32(at, true);
  return {
    atMs: ns / 1e6,
    rising: data.getUint32(at + 8, true) === risingEvent,
    offset: data.getUint32(at + 12, true),
    lineSeqno: data.getUint32(at + 20, true),
  };
}

/** As many low bits as there are lines. */
export function allOf(count: number): bigint {
  return (1n << BigInt(count)) - 1n;
}

function bitsOf(values: readonly boolean[]): bigint {
  return values.reduce((bits, value, index) => (value ? bits | (1n << BigInt(index)) : bits), 0n);
}

function view({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function text(bytes: Uint8Array, at: number): string {
  const field = bytes.subarray(at, at + nameBytes);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
