import assert from "node:assert/strict";
import { test } from "node:test";
import { delimiterFramer } from "./delimiter-framer.ts";
import type { CreateFramer } from "./framer.ts";
import { lengthFramer } from "./length-framer.ts";
import { nmeaFramer } from "./nmea-framer.ts";
import { regexFramer } from "./regex-framer.ts";

interface Heard {
  frames: string[];
  atMs: number[];
  groups: object[];
  garbage: string[];
}

/** Pushes chunks, each at its time, into a framer of a port that was opened at 0. */
function hear(create: CreateFramer, chunks: [atMs: number, bytes: string | Buffer][]): Heard {
  const heard: Heard = { frames: [], atMs: [], groups: [], garbage: [] };
  const events = {
    frame: ({ bytes, atMs, groups }: { bytes: Buffer; atMs: number; groups?: object }): void => {
      heard.frames.push(bytes.toString("latin1"));
      heard.atMs.push(atMs);
      if (groups) heard.groups.push({ ...groups });
    },
    garbage: (reason: string): void => void heard.garbage.push(reason),
  };
  const framer = create(events, 0);
  for (const [atMs, bytes] of chunks) {
    const chunk = Buffer.from(bytes as string);
    framer.push(chunk, atMs);
    // The driver's buffer is used again, too.
    chunk.fill(0x58);
  }
  return heard;
}

const later = 1000;
const cutEverywhere = (bytes: string | Buffer): [number, Buffer][] =>
  Array.from(Buffer.from(bytes as string), (byte, i) => [later + i, Buffer.of(byte)]);
const lines = delimiterFramer({ delimiter: Buffer.from("\r\n"), maxFrameBytes: 8, gapMs: 200 });

test("delimiter: frames come out whole, however the chunks are cut, with the time of their first byte", () => {
  assert.deepEqual(hear(lines, cutEverywhere("ab\r\n\r\ncde\rf\r\n")).frames, ["ab", "cde\rf"]);
  const heard = hear(lines, [
    [later, "ab"],
    [later + 10, "c\r"],
    [later + 20, "\nde\r\nf"],
    [later + 30, "g\r\n"],
  ]);
  assert.deepEqual(heard.frames, ["abc", "de", "fg"]);
  assert.deepEqual(heard.atMs, [later, later + 20, later + 20]);
});

test("delimiter: what came in the midst when the port was opened is no frame", () => {
  assert.deepEqual(hear(lines, [[5, "3.4\r\n123.4\r\n"]]).frames, ["123.4"]);
  assert.deepEqual(hear(lines, [[later, "3.4\r\n123.4\r\n"]]).frames, ["3.4", "123.4"]);
});

test("delimiter: a frame that is too long is told once, and the next one is heard", () => {
  const heard = hear(lines, [...cutEverywhere(`${"x".repeat(100)}\r\nok\r\n`)]);
  assert.deepEqual(heard.frames, ["ok"]);
  assert.equal(heard.garbage.length, 1);
  assert.match(heard.garbage[0]!, /more than 8 bytes/);
  assert.deepEqual(hear(lines, [[later, "123456789\r\nok\r\n"]]).garbage.length, 1);
});

test("length: start and checksum find the frame after garbage, and each stretch of garbage is told once", () => {
  const create = lengthFramer({ lengthBytes: 5, start: Buffer.of(0xaa, 0x55), checksum: "xor8", gapMs: 200 });
  const good = Buffer.of(0xaa, 0x55, 1, 2, 0xaa ^ 0x55 ^ 3);
  const wrong = Buffer.of(0xaa, 0x55, 1, 2, 0);
  const stream = Buffer.concat([Buffer.of(9, 9, 0xaa, 9), wrong, good, good, Buffer.of(0xaa), good]);
  const expected = [good, good, good].map((bytes) => bytes.toString("latin1"));
  for (const chunks of [cutEverywhere(stream), [[later, stream]] as [number, Buffer][]]) {
    const heard = hear(create, chunks);
    assert.deepEqual(heard.frames, expected);
    assert.equal(heard.garbage.length, 2);
  }
});

test("length: without marks the silence tells where a frame begins", () => {
  const create = lengthFramer({ lengthBytes: 3, start: Buffer.alloc(0), gapMs: 200 });
  const heard = hear(create, [
    [5, "c"],
    [300, "abc"],
    [310, "ab"],
    [600, "xyz"],
  ]);
  assert.deepEqual(heard.frames, ["abc", "xyz"]);
  assert.deepEqual(heard.garbage, ["a frame of 2 bytes, not 3"]);
});

test("regex: matches are frames with groups, also over chunks, and what is between is passed over", () => {
  const create = regexFramer({
    pattern: "ST,(?<sign>[+-])(?<weight>[\\d.]+)(?<unit>k?g)\\r",
    maxFrameBytes: 40,
  });
  const heard = hear(create, cutEverywhere("boot v1\r\nST,+12.50kg\r\nUS,+1g\r\nST,-3g\r\n"));
  assert.deepEqual(heard.groups, [
    { sign: "+", weight: "12.50", unit: "kg" },
    { sign: "-", weight: "3", unit: "g" },
  ]);
  assert.deepEqual(heard.garbage, []);
});

test("regex: only so many bytes are kept, and the groups are UTF-8", () => {
  const create = regexFramer({ pattern: "<(?<text>[^>]*)>", maxFrameBytes: 10 });
  assert.deepEqual(
    hear(create, [
      [1, `<${"x".repeat(20)}`],
      [2, ">"],
      [3, "<é>"],
    ]).groups,
    [{ text: "é" }],
  );
});

test("regex: a pattern that takes too long is stopped, rests, and is asked again later", () => {
  const create = regexFramer({ pattern: "(?<v>(a+)+)!", maxFrameBytes: 1000 });
  const startedMs = performance.now();
  const heard = hear(create, [
    [1, `${"a".repeat(40)}b`],
    [2, "a!"],
    [5000, "aa!"],
  ]);
  assert.ok(performance.now() - startedMs < 2000);
  assert.deepEqual(heard.frames, ["aa!"]);
  assert.equal(heard.garbage.length, 2);
  assert.match(heard.garbage[0]!, /the pattern took longer than 50 ms with 41 characters/);
});

test("nmea: sentences come out of binary messages, cut ones and overlong ones", () => {
  const stream = Buffer.concat([
    Buffer.from("33*00\r\n$GPA*00\r\n"),
    Buffer.of(0xb5, 0x62, 0x01, 0x07, 0xff),
    Buffer.from("$GPB*00\r$GPC,cut$GPD*00\n"),
    Buffer.from("$GP"),
    Buffer.of(0xff),
    Buffer.from(`$${"x".repeat(50)}\r\n!AIVDM,1\r\n$GPE*00\r\n`),
  ]);
  const create = nmeaFramer({ maxFrameBytes: 40 });
  for (const chunks of [cutEverywhere(stream), [[later, stream]] as [number, Buffer][]]) {
    const heard = hear(create, chunks);
    assert.deepEqual(heard.frames, ["$GPA*00", "$GPB*00", "$GPD*00", "$GPE*00"]);
    assert.deepEqual(heard.garbage, [
      "a sentence that was cut short",
      "a byte that no sentence has",
      "a sentence of more than 40 bytes",
    ]);
  }
});
