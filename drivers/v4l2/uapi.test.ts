/** Against the structures as a C compiler lays them out for 64 bits: fixtures/structs.c. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import * as uapi from "./uapi.ts";
import * as controls from "./uapi-controls.ts";

type Fixtures = Record<string, { request: string; hex: string }>;
const fixtures: Fixtures = JSON.parse(
  await readFile(new URL("fixtures/structs.json", import.meta.url), "utf8"),
);
const bytesOf = (name: string): Uint8Array => Buffer.from(fixtures[name]!.hex, "hex");
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("the numbers of the calls are those of the kernel's header", () => {
  const calls: Record<keyof typeof uapi.ioctls, string> = {
    queryCapabilities: "capability",
    enumFormat: "format-description",
    setFormat: "format",
    requestBuffers: "buffers",
    queryBuffer: "buffer-empty",
    queueBuffer: "buffer-queued",
    dequeueBuffer: "buffer-full",
    streamOn: "stream-on",
    streamOff: "stream-off",
    getParameters: "rate",
    setParameters: "rate-asked",
    queryControl: "control-next",
    getControl: "control-get",
    setControl: "control-value",
    enumFrameSizes: "size",
  };
  for (const [call, name] of Object.entries(calls) as [keyof typeof uapi.ioctls, string][]) {
    assert.equal(uapi.ioctls[call].toString(16).padStart(8, "0"), fixtures[name]?.request, call);
  }
});

test("what is asked is laid out as the kernel reads it", () => {
  assert.equal(uapi.capabilitiesBytes, bytesOf("capability").length);
  assert.equal(uapi.bufferBytes, bytesOf("buffer-full").length);
  assert.equal(uapi.encodeFormatQuery(1).length, bytesOf("format-description").length);
  assert.equal(hex(uapi.encodePixelFormat("YUYV", 640, 480)), fixtures["format-asked"]?.hex);
  assert.equal(hex(uapi.encodeParameters(7.5)), fixtures["rate-asked"]?.hex);
  assert.equal(hex(uapi.encodeBuffersRequest(4)), fixtures.buffers?.hex);
  assert.equal(hex(uapi.encodeBuffer(3)), fixtures["buffer-empty"]?.hex);
  assert.equal(hex(uapi.fillBuffer(new Uint8Array(88).fill(7), 3)), fixtures["buffer-empty"]?.hex);
  assert.equal(hex(uapi.encodeStreamType()), fixtures["stream-on"]?.hex);
  assert.equal(hex(controls.encodeControl(0x0098_0900, -20)), fixtures["control-value"]?.hex);
  assert.equal(hex(controls.encodeControlQuery(0x0098_0900)), fixtures["control-next"]?.hex);
  const sizeQuery = uapi.encodeFrameSizeQuery(2, "YUYV");
  assert.equal(hex(sizeQuery.subarray(0, 8)), fixtures.size?.hex.slice(0, 16));
  assert.equal(sizeQuery.length, bytesOf("size").length);
});

test("what the kernel says is read", () => {
  assert.deepEqual(uapi.decodeCapabilities(bytesOf("capability")), {
    driver: "uvcvideo",
    card: "HD Pro Webcam C920",
    bus: "usb-0000:01:00.0-1.2",
    captures: true,
    multiPlane: false,
  });
  assert.equal(uapi.decodeCapabilities(bytesOf("metadata")).captures, false);
  assert.equal(uapi.formatName(uapi.decodeFormatQuery(bytesOf("format-description"))), "MJPEG");
  assert.deepEqual(uapi.decodeFrameSize(bytesOf("size")), { text: "1280x720", last: false });
  assert.deepEqual(uapi.decodeFrameSize(bytesOf("size-steps")), { text: "16x8 to 3840x2160", last: true });
  assert.deepEqual(uapi.decodePixelFormat(bytesOf("format")), {
    fourCc: "YUYV",
    width: 640,
    height: 480,
    bytesPerLine: 1280,
    sizeImage: 614_400,
    fullRange: true,
    bt709: true,
  });
  assert.equal(uapi.decodeParameters(bytesOf("rate")), 7.5);
  assert.equal(uapi.decodeParameters(bytesOf("rate-asked")), undefined);
  assert.equal(uapi.decodeBuffersRequest(bytesOf("buffers")), 4);
  assert.deepEqual(uapi.decodeBuffer(bytesOf("buffer-full")), {
    index: 3,
    bytesUsed: 123_456,
    damaged: true,
    atMs: (2 ** 32 + 1234) * 1000 + 567.89,
    sequence: 4_000_000_000,
    offset: 0x96000,
    length: 614_400,
  });
  assert.equal(uapi.decodeBuffer(bytesOf("buffer-empty")).atMs, undefined);
});

test("a control that can be set has its range, a heading has none", () => {
  assert.deepEqual(controls.decodeControlQuery(bytesOf("control-brightness")), {
    id: 0x0098_0900,
    range: { id: 0x0098_0900, name: "brightness", minimum: -64, maximum: 64, step: 1, default: -3 },
  });
  assert.deepEqual(controls.decodeControlQuery(bytesOf("control-heading")), { id: 0x0098_0001 });
  assert.equal(controls.decodeControl(bytesOf("control-value")), -20);
  assert.equal(controls.controlName("White Balance, Automatic"), "white-balance-automatic");
});

test("a big-endian format is none of ours", () => {
  const bytes = Buffer.from(fixtures["format-description"]!.hex, "hex");
  bytes.writeUInt8(bytes.readUInt8(47) | 0x80, 47);
  assert.equal(uapi.formatName(uapi.decodeFormatQuery(bytes)), undefined);
});
