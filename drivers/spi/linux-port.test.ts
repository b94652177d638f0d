import assert from "node:assert/strict";
import { endianness } from "node:os";
import { test } from "node:test";
import { createLinuxPort } from "./linux-port.ts";

const place = { bus: 0, chipSelect: 1 };
const settings = {
  speedHz: 1_000_000,
  mode: 3,
  bitsPerWord: 8,
  lsbFirst: false,
  chipSelectHigh: false,
  delayUs: 5,
} as const;

type Call = (error?: Error | null, message?: unknown) => void;

/** The package's calls as they are used here: it echoes what is sent. */
function spidev(failing: { open?: string; setOptions?: string; transfer?: string } = {}) {
  const calls: unknown[] = [];
  const answer = (step: keyof typeof failing, done: Call): void => {
    const code = failing[step];
    const error = code === undefined ? null : Object.assign(new Error(code), { code });
    queueMicrotask(() => done(error));
  };
  const device = {
    setOptions(options: unknown, done: Call) {
      calls.push(["setOptions", options]);
      answer("setOptions", done);
      return device;
    },
    transfer(
      [message]: {
        byteLength: number;
        sendBuffer: Buffer;
        receiveBuffer: Buffer;
        microSecondDelay: number;
      }[],
      done: Call,
    ) {
      calls.push(["transfer", message!.sendBuffer.toString("hex"), message!.microSecondDelay]);
      message!.receiveBuffer.set(message!.sendBuffer);
      answer("transfer", done);
      return device;
    },
    close(done: Call) {
      calls.push(["close"]);
      queueMicrotask(() => done(null));
    },
  };
  const open = (bus: number, chipSelect: number, done: Call) => {
    calls.push(["open", bus, chipSelect]);
    answer("open", done);
    return device;
  };
  return { calls, module: { open } as unknown as Parameters<typeof createLinuxPort>[2] };
}

test("a port is opened, set up, and transfers both ways at once", async () => {
  const { calls, module } = spidev();
  const port = await createLinuxPort(place, settings, module);
  assert.deepEqual(await port.transfer(Uint8Array.of(1, 2, 3)), Buffer.of(1, 2, 3));
  await port.close();
  const options = { mode: 3, bitsPerWord: 8, lsbFirst: false, chipSelectHigh: false, maxSpeedHz: 1_000_000 };
  assert.deepEqual(calls, [["open", 0, 1], ["setOptions", options], ["transfer", "010203", 5], ["close"]]);
});

test("words of 16 and 32 bits have their most significant byte first on both ways", {
  skip: endianness() === "BE",
}, async () => {
  for (const [bitsPerWord, turned] of [
    [8, "01020304"],
    [12, "02010403"],
    [32, "04030201"],
  ] as const) {
    const { calls, module } = spidev();
    const port = await createLinuxPort(place, { ...settings, bitsPerWord }, module);
    const sent = Uint8Array.of(1, 2, 3, 4);
    assert.deepEqual(await port.transfer(sent), Buffer.of(1, 2, 3, 4));
    assert.deepEqual(calls.at(-1), ["transfer", turned, 5]);
    assert.deepEqual(sent, Uint8Array.of(1, 2, 3, 4), "the caller's bytes stay");
  }
});

test("settings that the controller refuses close the file again", async () => {
  const { calls, module } = spidev({ setOptions: "EINVAL" });
  await assert.rejects(createLinuxPort(place, settings, module), { code: "SPI_SETTING", message: /mode 3/ });
  assert.deepEqual(calls.at(-1), ["close"]);
});

test("what the kernel says of a file and of a transfer is told", async () => {
  for (const [errno, code] of [
    ["ENOENT", "SPI_NO_DEVICE"],
    ["EACCES", "SPI_FORBIDDEN"],
  ] as const) {
    const { module } = spidev({ open: errno });
    await assert.rejects(createLinuxPort(place, settings, module), { code, message: /\/dev\/spidev0\.1/ });
  }
  for (const [errno, code] of [
    ["ETIMEDOUT", "SPI_TIMEOUT"],
    ["EMSGSIZE", "SPI_TOO_LONG"],
    ["ESHUTDOWN", "SPI_NO_DEVICE"],
    ["EIO", "SPI_FAULT"],
  ] as const) {
    const { module } = spidev({ transfer: errno });
    const port = await createLinuxPort(place, settings, module);
    await assert.rejects(port.transfer(Uint8Array.of(0)), { code });
  }
});
