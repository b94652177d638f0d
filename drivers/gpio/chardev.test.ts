import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LibcError } from "../common/libc.ts";
import { createChardev, type System } from "./chardev.ts";
import type { Edge, LineConfig } from "./port.ts";
import { ioctls, lineEventBytes } from "./uapi.ts";

const config: LineConfig = {
  direction: "in",
  activeLow: false,
  bias: "as-is",
  drive: "push-pull",
  edge: "both",
  debounceMs: 0,
};
const chip = { name: "gpiochip0", label: "pl061", lines: 8 };
const lineFd = 40;

/** A kernel with one chip, whose requests get the descriptor 40: what one answers can't be had here. */
async function kernel(refuse: { call?: number; errno?: string; consumer?: string; open?: string } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "gpio-"));
  await writeFile(join(directory, "gpiochip0"), "");
  const closed: number[] = [];
  const calls: [fd: number, request: number, argument: Uint8Array][] = [];
  const readings: (Uint8Array | string)[] = [];
  let listener: (() => void) | undefined;
  const system: System = {
    directory,
    open: () => {
      if (refuse.open) throw Object.assign(new Error(refuse.open), { code: refuse.open });
      return 7;
    },
    close: (fd) => void closed.push(fd),
    read(_fd, into) {
      const next = readings.shift() ?? "EAGAIN";
      if (typeof next === "string") throw Object.assign(new Error(next), { code: next });
      into.set(next);
      return next.length;
    },
    watchReadable: async () => (_fd, wake) => {
      listener = wake;
      return () => {
        listener = undefined;
      };
    },
    libc: {
      mmap: () => assert.fail("it maps nothing"),
      ioctl(fd, request, argument) {
        calls.push([fd, request, argument.slice()]);
        if (request === refuse.call) throw new LibcError("ioctl", refuse.errno ?? "EIO");
        const data = new DataView(argument.buffer);
        if (request === ioctls.getLine) data.setInt32(588, lineFd, true);
        if (request === ioctls.getLineInfo && refuse.consumer !== undefined) {
          argument.set(new TextEncoder().encode(refuse.consumer), 32);
          data.setUint32(72, 1, true);
        }
        if (request === ioctls.getValues) data.setBigUint64(0, 0b10n, true);
        return 0;
      },
    },
  };
  return {
    port: createChardev(system),
    closed,
    calls,
    /** What the next wake-ups find, one reading each; a text is an error. */
    wake(...next: (Uint8Array | string)[]): void {
      readings.push(...next);
      for (let n = next.length; n > 0; n--) listener?.();
    },
    watched: () => listener !== undefined,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

function events(...all: [offset: number, lineSeqno: number][]): Uint8Array {
  const bytes = new Uint8Array(all.length * lineEventBytes);
  const data = new DataView(bytes.buffer);
  for (const [index, [offset, seqno]] of all.entries()) {
    data.setUint32(index * lineEventBytes + 12, offset, true);
    data.setUint32(index * lineEventBytes + 20, seqno, true);
  }
  return bytes;
}

test("all events of a reading come at once, and gaps in the numbers of a line are what is lost", async () => {
  await using it = await kernel();
  const seen: Edge[][] = [];
  await it.port.request({ chip, offsets: [1, 2], config, onEdges: (edges) => seen.push([...edges]) });
  it.wake(events([1, 1], [2, 1], [1, 2]), events([2, 4], [1, 3]), events([1, 0xffff_ffff]), events([1, 0]));
  assert.deepEqual(
    seen.map((edges) => edges.map(({ offset, lost }) => [offset, lost])),
    [
      [
        [1, 0],
        [2, 0],
        [1, 0],
      ],
      [
        [2, 2],
        [1, 0],
      ],
      [[1, 0xffff_ffff - 4]],
      [[1, 0]],
    ],
  );
});

test("the descriptor does not block, and a wake-up for nothing is none", async () => {
  await using it = await kernel();
  let told = 0;
  await it.port.request({ chip, offsets: [1], config, onEdges: () => told++ });
  assert.ok(it.calls.some(([fd, request]) => fd === lineFd && request === 0x5421));
  it.wake("EAGAIN");
  assert.equal(told, 0);
  assert.ok(it.watched());
});

test("a chip that is pulled out is told once, and no longer waited for", async () => {
  await using it = await kernel();
  const gone: string[] = [];
  await it.port.request({
    chip,
    offsets: [1],
    config,
    onEdges: () => assert.fail("no edge"),
    onGone: ({ code }) => gone.push(code),
  });
  it.wake("ENODEV", "ENODEV");
  assert.deepEqual(gone, ["GPIO_GONE"]);
  assert.equal(it.watched(), false);
});

test("values go to the line that is meant, and not to a descriptor that was given back", async () => {
  await using it = await kernel();
  const held = await it.port.request({
    chip,
    offsets: [4, 6],
    config: { ...config, direction: "out" },
    values: [false, true],
  });
  held.write(6, true);
  const [fd, request, argument] = it.calls.at(-1)!;
  assert.deepEqual(
    [fd, request, [...argument]],
    [lineFd, ioctls.setValues, [2, ...Array(7).fill(0), 2, ...Array(7).fill(0)]],
  );
  assert.deepEqual(held.read(), [false, true]);
  held.close();
  held.close();
  assert.deepEqual(it.closed, [7, lineFd]);
  const before = it.calls.length;
  assert.throws(() => held.write(6, false), { code: "GPIO_FAULT" });
  assert.throws(() => held.read(), { code: "GPIO_FAULT" });
  assert.equal(it.calls.length, before);
});

test("what the kernel refuses is told as what it means", async () => {
  const { getLine } = ioctls;
  for (const [errno, code, message] of [
    ["EBUSY", "GPIO_BUSY", /gpiochip0:1 is held by gpioset/],
    ["EINVAL", "GPIO_UNSUPPORTED", /an input, with edges/],
    ["EPERM", "GPIO_FORBIDDEN", /gpiochip0:1/],
    ["ENOTTY", "GPIO_UNSUPPORTED", /version 2/],
    ["ENOMEM", "GPIO_FAULT", /ENOMEM/],
  ] as const) {
    await using it = await kernel({ call: getLine, errno, consumer: "gpioset" });
    await assert.rejects(it.port.request({ chip, offsets: [1], config }), { code, message });
    assert.deepEqual(it.closed, [7], "the chip's descriptor is closed");
  }
});

test("a chip that may not be opened names its group, and no chip at all is told", async () => {
  await using it = await kernel({ open: "EACCES" });
  const { refused } = await it.port.chips();
  assert.equal(refused[0]?.code, "GPIO_FORBIDDEN");
  assert.match(refused[0]?.hint ?? "", /into the group root/);
  const directory = await mkdtemp(join(tmpdir(), "gpio-"));
  const none = createChardev({ directory } as unknown as System);
  await assert.rejects(none.chips(), { code: "GPIO_NO_CHIP" });
  await rm(directory, { recursive: true });
});
