import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import type { LineConfig } from "./port.ts";
import {
  chipInfoBytes,
  decodeChipInfo,
  decodeLineEvent,
  decodeLineInfo,
  decodeLineValues,
  encodeLineInfo,
  encodeLineRequest,
  encodeLineValues,
  ioctls,
  lineEventBytes,
  lineInfoBytes,
  lineRequestBytes,
  lineValuesBytes,
  requestedFd,
} from "./uapi.ts";

interface Fixture {
  ioctls: Record<string, string>;
  structures: Record<string, string>;
}
const fixture = JSON.parse(await readFile(new URL("fixtures/uapi.json", import.meta.url), "utf8")) as Fixture;

function structure(name: string): Uint8Array {
  const parts = (fixture.structures[name] ?? "").split(" ").map((part) => {
    const zeros = part.match(/^(\d+)\*00$/)?.[1];
    return zeros === undefined ? Buffer.from(part, "hex") : Buffer.alloc(Number(zeros));
  });
  return new Uint8Array(Buffer.concat(parts));
}
const input: LineConfig = {
  direction: "in",
  activeLow: true,
  bias: "pull-up",
  drive: "push-pull",
  edge: "both",
  debounceMs: 20,
};

test("calls and sizes are those of the kernel's header", () => {
  assert.deepEqual(Object.values(fixture.ioctls).map(Number), [
    ioctls.getChipInfo,
    ioctls.getLineInfo,
    ioctls.getLine,
    ioctls.getValues,
    ioctls.setValues,
  ]);
  assert.deepEqual(
    ["chip", "info", "inputs", "outputs", "values", "events"].map((name) => structure(name).length),
    [chipInfoBytes, lineInfoBytes, lineRequestBytes, lineRequestBytes, lineValuesBytes, 2 * lineEventBytes],
  );
});

test("a chip and a line tell what they are", () => {
  assert.deepEqual(decodeChipInfo(structure("chip")), {
    name: "gpiochip0",
    label: "9030000.pl061",
    lines: 8,
  });
  assert.deepEqual(decodeLineInfo(structure("info")), {
    name: "RELAY1",
    consumer: "gpioset",
    used: true,
    output: true,
  });
  assert.equal(new DataView(encodeLineInfo(5).buffer).getUint32(64, true), 5);
});

test("a request for inputs has edges, bias, debounce and the largest buffer", () => {
  const bytes = encodeLineRequest({ offsets: [3, 7], config: input, consumer: "umec" });
  assert.deepEqual(bytes, structure("inputs"));
});

test("a request for outputs has their first values, and the answer its descriptor", () => {
  const config: LineConfig = {
    ...input,
    direction: "out",
    activeLow: false,
    bias: "as-is",
    drive: "open-drain",
  };
  const bytes = encodeLineRequest({ offsets: [2, 4], config, values: [false, true], consumer: "umec" });
  const answered = structure("outputs");
  assert.equal(requestedFd(answered), 17);
  answered.fill(0, 588);
  assert.deepEqual(bytes, answered);
});

test("a consumer's name that is too long is cut, and still ends by a zero", () => {
  const bytes = encodeLineRequest({ offsets: [0], config: input, consumer: "x".repeat(40) });
  assert.deepEqual([bytes[256 + 30], bytes[256 + 31]], [120, 0]);
});

test("values are bits in the order of the request, up to the 64th", () => {
  assert.deepEqual(encodeLineValues(2n, 3n), structure("values"));
  assert.deepEqual(decodeLineValues(structure("values"), 2), [false, true]);
  const last = encodeLineValues(1n << 63n, 0n);
  assert.deepEqual(decodeLineValues(last, 64).lastIndexOf(true), 63);
});

test("events have line, edge, time and number", () => {
  const events = structure("events");
  assert.deepEqual(
    [decodeLineEvent(events, 0), decodeLineEvent(events, 1)],
    [
      { offset: 3, rising: true, atMs: 123456789.012345, lineSeqno: 1 },
      { offset: 7, rising: false, atMs: 123456790.012345, lineSeqno: 2 },
    ],
  );
});
