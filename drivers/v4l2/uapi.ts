/**
 * The structures of the kernel's video interface, as bytes: Linux, include/uapi/linux/videodev2.h.
 *
 * They are those of 64-bit machines, little-endian: `v4l2_buffer` has a `struct timeval` and a pointer in it, and is
 * laid out otherwise with 32 bits. The numbers of the calls hold direction, size, 'V' and the call
 * (include/uapi/asm-generic/ioctl.h), so a kernel with other sizes refuses them and no harm is done.
 */
import type { FormatName } from "./hardware.ts";

export const ioctls = {
  queryCapabilities: 0x8068_5600,
  enumFormat: 0xc040_5602,
  setFormat: 0xc0d0_5605,
  requestBuffers: 0xc014_5608,
  queryBuffer: 0xc058_5609,
  queueBuffer: 0xc058_560f,
  dequeueBuffer: 0xc058_5611,
  streamOn: 0x4004_5612,
  streamOff: 0x4004_5613,
  getParameters: 0xc0cc_5615,
  setParameters: 0xc0cc_5616,
  queryControl: 0xc044_5624,
  getControl: 0xc008_561b,
  setControl: 0xc008_561c,
  enumFrameSizes: 0xc02c_564a,
} as const;

/** V4L2_BUF_TYPE_VIDEO_CAPTURE and V4L2_MEMORY_MMAP: the one kind of stream that is used here. */
const captureType = 1;
const memoryMmap = 1;
/** V4L2_FIELD_NONE: whole frames. */
const wholeFrames = 1;

const capability = { videoCapture: 1, videoCaptureMultiPlane: 0x1000, streaming: 0x0400_0000 } as const;
const bufferFlag = { error: 0x40, timestampMask: 0xe000, timestampMonotonic: 0x2000 } as const;
const timePerFrame = 0x1000;

/** struct v4l2_capability. */
export interface Capabilities {
  /** The kernel's driver: `uvcvideo`. */
  driver: string;
  /** The device's name: `HD Pro Webcam C920`. */
  card: string;
  /** Where it is: `usb-0000:01:00.0-1.2`. */
  bus: string;
  /** Whether frames can be captured from this device file by streaming. */
  captures: boolean;
  /** Whether it captures, but only in formats of several planes. */
  multiPlane: boolean;
}

export const capabilitiesBytes = 104;

export function decodeCapabilities(bytes: Uint8Array): Capabilities {
  const flags = view(bytes).getUint32(88, true);
  const streaming = (flags & capability.streaming) !== 0;
  return {
    driver: text(bytes, 0, 16),
    card: text(bytes, 16, 32),
    bus: text(bytes, 48, 32),
    captures: streaming && (flags & capability.videoCapture) !== 0,
    multiPlane: streaming && (flags & capability.videoCaptureMultiPlane) !== 0,
  };
}

/** What the kernel calls the formats; a camera's `JPEG` and `MJPG` are the same to us. */
const fourCcs: Readonly<Record<FormatName, readonly string[]>> = {
  MJPEG: ["MJPG", "JPEG"],
  YUYV: ["YUYV"],
  NV12: ["NV12"],
};

/** Our name of a format of the kernel's; `undefined` for one that is not taken. */
export function formatName(fourCc: string): FormatName | undefined {
  return (Object.keys(fourCcs) as FormatName[]).find((name) => fourCcs[name].includes(fourCc));
}

/** struct v4l2_fmtdesc that asks for format number `index`. */
export function encodeFormatQuery(index: number): Uint8Array {
  const bytes = new Uint8Array(64);
  view(bytes).setUint32(0, index, true);
  view(bytes).setUint32(4, captureType, true);
  return bytes;
}

/** The four characters of the format. */
export function decodeFormatQuery(bytes: Uint8Array): string {
  return fourCharacters(view(bytes).getUint32(44, true));
}

/** struct v4l2_frmsizeenum that asks for size number `index` of a format. */
export function encodeFrameSizeQuery(index: number, fourCc: string): Uint8Array {
  const bytes = new Uint8Array(44);
  view(bytes).setUint32(0, index, true);
  view(bytes).setUint32(4, numberOf(fourCc), true);
  return bytes;
}

/** `1280x720`, or for sizes that go in steps the range: `16x16 to 3840x2160`, which is the only one then. */
export function decodeFrameSize(bytes: Uint8Array): { text: string; last: boolean } {
  const at = (offset: number): number => view(bytes).getUint32(offset, true);
  const discrete = 1;
  if (at(8) === discrete) return { text: `${at(12)}x${at(16)}`, last: false };
  return { text: `${at(12)}x${at(24)} to ${at(16)}x${at(28)}`, last: true };
}

/** struct v4l2_format with a struct v4l2_pix_format in it, as the kernel has settled it. */
export interface PixelFormat {
  fourCc: string;
  width: number;
  height: number;
  /** From the beginning of a line to that of the next, in bytes; 0 for compressed formats. */
  bytesPerLine: number;
  /** Room that a frame needs. */
  sizeImage: number;
  /** Whether brightness uses 0 to 255, and not 16 to 235. */
  fullRange: boolean;
  /** The coefficients of ITU-R BT.709, not those of BT.601. */
  bt709: boolean;
}

export function encodePixelFormat(fourCc: string, width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(208);
  const data = view(bytes);
  data.setUint32(0, captureType, true);
  data.setUint32(8, width, true);
  data.setUint32(12, height, true);
  data.setUint32(16, numberOf(fourCc), true);
  data.setUint32(20, wholeFrames, true);
  return bytes;
}

export function decodePixelFormat(bytes: Uint8Array): PixelFormat {
  const at = (offset: number): number => view(bytes).getUint32(8 + offset, true);
  const [colorSpace, encoding, quantization] = [at(24), at(36), at(40)];
  const rec709 = 3;
  const fullRange = 1;
  // Encoding 0 is the color space's own; V4L2_MAP_YCBCR_ENC_DEFAULT.
  return {
    width: at(0),
    height: at(4),
    fourCc: fourCharacters(at(8)),
    bytesPerLine: at(16),
    sizeImage: at(20),
    fullRange: quantization === fullRange,
    bt709: encoding === 2 || (encoding === 0 && colorSpace === rec709),
  };
}

/** struct v4l2_streamparm; `framesPerSecond` left out: to ask. */
export function encodeParameters(framesPerSecond?: number): Uint8Array {
  const bytes = new Uint8Array(204);
  view(bytes).setUint32(0, captureType, true);
  if (framesPerSecond === undefined) return bytes;
  view(bytes).setUint32(12, 1000, true);
  view(bytes).setUint32(16, Math.round(framesPerSecond * 1000), true);
  return bytes;
}

/** Frames per second; `undefined` when the driver does not say, or it can't be set. */
export function decodeParameters(bytes: Uint8Array): number | undefined {
  const data = view(bytes);
  const [seconds, frames] = [data.getUint32(12, true), data.getUint32(16, true)];
  if ((data.getUint32(4, true) & timePerFrame) === 0 || seconds === 0 || frames === 0) return undefined;
  return frames / seconds;
}

/** struct v4l2_requestbuffers. */
export function encodeBuffersRequest(count: number): Uint8Array {
  const bytes = new Uint8Array(20);
  view(bytes).setUint32(0, count, true);
  view(bytes).setUint32(4, captureType, true);
  view(bytes).setUint32(8, memoryMmap, true);
  return bytes;
}

/** How many buffers the kernel has given. */
export function decodeBuffersRequest(bytes: Uint8Array): number {
  return view(bytes).getUint32(0, true);
}

/** struct v4l2_buffer. */
export interface BufferState {
  index: number;
  bytesUsed: number;
  /** The data may be damaged: V4L2_BUF_FLAG_ERROR. */
  damaged: boolean;
  /** CLOCK_MONOTONIC of the capture in milliseconds; `undefined` when the driver has another clock. */
  atMs: number | undefined;
  /** Counts frames since the stream was started, those left out as well; after 2^32 - 1 comes 0. */
  sequence: number;
  /** For mmap(2). */
  offset: number;
  length: number;
}

export const bufferBytes = 88;

export function encodeBuffer(index: number): Uint8Array {
  const bytes = new Uint8Array(bufferBytes);
  return fillBuffer(bytes, index);
}

/** As {@link encodeBuffer}, into memory that is there: for what is done with each frame. */
export function fillBuffer(bytes: Uint8Array, index: number): Uint8Array {
  bytes.fill(0);
  const data = view(bytes);
  data.setUint32(0, index, true);
  data.setUint32(4, captureType, true);
  data.setUint32(60, memoryMmap, true);
  return bytes;
}

export function decodeBuffer(bytes: Uint8Array): BufferState {
  const data = view(bytes);
  const flags = data.getUint32(12, true);
  const monotonic = (flags & bufferFlag.timestampMask) === bufferFlag.timestampMonotonic;
  const seconds = data.getUint32(24, true) + data.getInt32(28, true) * 2 ** 32;
  return {
    index: data.getUint32(0, true),
    bytesUsed: data.getUint32(8, true),
    damaged: (flags & bufferFlag.error) !== 0,
    atMs: monotonic ? seconds * 1000 + data.getUint32(32, true) / 1000 : undefined,
    sequence: data.getUint32(56, true),
    offset: data.getUint32(64, true),
    length: data.getUint32(72, true),
  };
}

/** The argument of the calls that start and stop the stream. */
export function encodeStreamType(): Uint8Array {
  const bytes = new Uint8Array(4);
  view(bytes).setUint32(0, captureType, true);
  return bytes;
}

/** V4L2's four characters as it counts them: the first is the lowest byte. */
function numberOf(fourCc: string): number {
  return [...fourCc].reduce((sum, character, index) => sum + character.charCodeAt(0) * 256 ** index, 0);
}

/** Bit 31 of a format says that it is big-endian; such a one is none of ours, whatever its characters. */
function fourCharacters(value: number): string {
  const characters = [0, 8, 16, 24].map((shift) => String.fromCharCode((value >>> shift) & 0x7f)).join("");
  return value >>> 31 ? `${characters}-BE` : characters;
}

function view({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function text(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
