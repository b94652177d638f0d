import assert from "node:assert/strict";
import { test } from "node:test";
import { createLinuxBus, openLinuxBus } from "./linux-bus.ts";

type Module = Parameters<typeof createLinuxBus>[1];

const failure = (code: string, syscall: string, path?: string): Error =>
  Object.assign(new Error(code), { code, syscall, path });

/** i2c-bus with descriptors that do `act`: what a kernel answers can't be had here. */
function withDescriptors(act: (descriptor: number) => Promise<{ bytesRead: number }>) {
  const closed: number[] = [];
  let opened = 0;
  const openPromisified = async () => {
    const descriptor = opened++;
    return { readI2cBlock: () => act(descriptor), close: async () => void closed.push(descriptor) };
  };
  const bus = createLinuxBus(1, { openPromisified } as unknown as Module);
  return { bus, closed, opened: () => opened };
}

test("each address has a descriptor of its own, which stays", async () => {
  const { bus, opened, closed } = withDescriptors(async () => ({ bytesRead: 2 }));
  for (const address of [0x48, 0x49, 0x48]) await bus.readRegister(address, 0, 2);
  assert.equal(opened(), 2);
  await bus.close();
  assert.deepEqual(closed, [0, 1]);
});

test("after an error the next transfer has a new descriptor", async () => {
  const { bus, closed } = withDescriptors(async (descriptor) => {
    if (descriptor === 0) throw failure("EBUSY", "setAddr");
    return { bytesRead: 2 };
  });
  await assert.rejects(bus.readRegister(0x48, 0, 2), { code: "I2C_CLAIMED", message: /0x48/ });
  assert.equal((await bus.readRegister(0x48, 0, 2)).length, 2);
  assert.deepEqual(closed, [0]);
});

test("what the kernel says is told as what it means", async () => {
  for (const [cause, code] of [
    [failure("ENXIO", "readI2cBlock"), "I2C_NO_ANSWER"],
    [failure("EREMOTEIO", "readI2cBlock"), "I2C_NO_ANSWER"],
    [failure("EIO", "readI2cBlock"), "I2C_NO_ANSWER"],
    [failure("ETIMEDOUT", "readI2cBlock"), "I2C_TIMEOUT"],
    [failure("EAGAIN", "readI2cBlock"), "I2C_TIMEOUT"],
    [failure("EBUSY", "readI2cBlock"), "I2C_TIMEOUT"],
    [failure("EOPNOTSUPP", "readI2cBlock"), "I2C_FAULT"],
    [failure("ENOENT", "open", "/dev/i2c-1"), "I2C_NO_BUS"],
    [failure("EACCES", "open", "/dev/i2c-1"), "I2C_FORBIDDEN"],
  ] as const) {
    const { bus } = withDescriptors(() => Promise.reject(cause));
    await assert.rejects(bus.readRegister(0x48, 0, 2), { code }, String(cause));
  }
});

test("no byte at all says that nobody answered, as virtio's adapter does", async () => {
  const { bus } = withDescriptors(async () => ({ bytesRead: 0 }));
  await assert.rejects(bus.readRegister(0x48, 0, 2), { code: "I2C_NO_ANSWER" });
});

test("an answer that is too short is none", async () => {
  const { bus } = withDescriptors(async () => ({ bytesRead: 1 }));
  await assert.rejects(bus.readRegister(0x48, 0, 2), { code: "I2C_FAULT", message: /1 of 2 bytes/ });
});

const bus = await openLinuxBus(4095).catch((error: unknown) => error as Error);
const skip = bus instanceof Error ? bus.message : false;
test("i2c-bus itself: an adapter that is not there", { skip }, async () => {
  if (bus instanceof Error) throw bus;
  const missing = { code: "I2C_NO_BUS", message: "/dev/i2c-4095 can't be opened (ENOENT)" };
  await assert.rejects(bus.readRegister(0x48, 0, 2), missing);
  await assert.rejects(bus.write(0x48, Uint8Array.of(0)), missing);
  await assert.rejects(bus.read(0x48, 1), missing);
  await bus.close();
});

test("without the addon the error says how to get it", { skip: !skip && "it is there" }, () => {
  assert.match(String(skip), /^i2c-bus can.t be loaded: Could not locate the bindings file$/);
});
