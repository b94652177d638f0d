import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../../../../runtime/test-scratch.ts";
import { i2cBus } from "./attachment.ts";
import { createBus } from "./bus.ts";
import { serveBus } from "./bus-server.ts";
import { Tmp105 } from "./models/tmp105.ts";
import { startVhostProcess } from "./vhost-process.ts";

const scratch = createScratch();
const never = new AbortController();

test("arguments by machine, and what a machine lacks", () => {
  const i2c = i2cBus({ chips: { t0: { model: "tmp105", address: 0x49 }, rom: { model: "at24c02" } } });
  assert.deepEqual(i2c.qemuArgs("imx8mp-evk", "/d"), [
    "-device",
    "tmp105,id=t0,bus=i2c-bus.2,address=73",
    "-device",
    "at24c-eeprom,id=rom,bus=i2c-bus.2,address=80,rom-size=256",
  ]);
  assert.deepEqual(i2c.qemuArgs("virt", "/d"), [
    "-chardev",
    "socket,id=i2c,path=/d/i2c-qemu.sock",
    "-device",
    "vhost-user-i2c-pci,chardev=i2c",
  ]);
  assert.deepEqual([i2c.memory?.("virt"), i2c.memory?.("raspi3b")], ["shared-memory", "plain"]);
  const air = i2cBus({ chips: { air: { model: "bme280" } } });
  assert.throws(() => air.qemuArgs("raspi3b", "/d"), { code: "DEVICE_UNSUPPORTED" });
  const own = i2cBus({ chips: { own: { model: new Tmp105(), address: 0x30 } } });
  assert.throws(() => own.qemuArgs("imx8mp-evk", "/d"), { code: "DEVICE_UNSUPPORTED" });
  assert.throws(() => i2cBus({ chips: { own: { model: new Tmp105() } } }), { code: "DEVICE_VALUE" });
});

test("QEMU's own chips: values wait for the start, and are set again at each", async () => {
  const i2c = i2cBus({ chips: { t0: { model: "tmp105" } } });
  const { t0 } = i2c.chips;
  const said: unknown[] = [];
  const qmp = { execute: async (command: string, args?: object) => void said.push({ command, ...args }) };
  const qtest = { command: async () => "", onIrq: () => () => {} };
  const context = { machine: "imx8mp-evk", dir: "/d", signal: never.signal } as const;
  await t0.set({ celsius: 21.5 });
  for (let start = 0; start < 2; start++) {
    await i2c.beforeStart?.(context);
    await i2c.afterStart?.({ ...context, qmp, qtest });
    await i2c.afterExit?.();
  }
  await t0.set({ celsius: -3 });
  const path = "/machine/peripheral/t0";
  const set = { command: "qom-set", path, property: "temperature", value: 21500 };
  assert.deepEqual(said, [set, set]);
  assert.deepEqual(t0.state(), { celsius: -3 });
  await assert.rejects(t0.set({ celsius: 200 }), { code: "DEVICE_VALUE" });
});

test("a fault that the machine can't have is refused at the start, at the latest", async () => {
  const i2c = i2cBus({ chips: { t0: { model: "tmp105" } } });
  i2c.chips.t0.unplug();
  const start = i2c.beforeStart?.({ machine: "raspi3b", dir: "/d", signal: never.signal });
  await assert.rejects(start ?? Promise.resolve(), { code: "DEVICE_UNSUPPORTED" });
});

test("requests that come in pieces or together are answered in their order", {
  timeout: 20_000,
}, async () => {
  const bus = createBus();
  await bus.attach("t0", 0x48, new Tmp105()).set({ celsius: 21.5 });
  const path = join(await scratch(), "b.sock");
  await using _server = await serveBus(bus, path);
  const socket = connect(path);
  const write = Buffer.from([1, 0, 0, 0, 0, 0, 0x48, 0, 1, 0, 0, 0, 0]);
  const read = Buffer.from([2, 0, 0, 0, 1, 1, 0x48, 0, 2, 0, 0, 0]);
  const nobody = Buffer.from([3, 0, 0, 0, 1, 1, 0x50, 0, 2, 0, 0, 0]);
  socket.write(write.subarray(0, 5));
  await once(socket, "connect");
  socket.write(Buffer.concat([write.subarray(5), read, nobody]));
  let answer = Buffer.alloc(0);
  while (answer.length < 9 + 11 + 9) answer = Buffer.concat([answer, (await once(socket, "data"))[0]]);
  assert.deepEqual(
    [...answer],
    [1, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 1, 2, 0, 0, 0, 0x15, 0x80].concat([3, 0, 0, 0, 0, 0, 0, 0, 0]),
  );
  socket.destroy();
});

test("the adapter's process ends with the bus, and says why when it can't start", {
  timeout: 60_000,
}, async () => {
  const dir = await scratch();
  const sockets = { qemuSocket: join(dir, "q.sock"), busSocket: join(dir, "b.sock"), signal: never.signal };
  await assert.rejects(startVhostProcess(sockets), { code: "DEVICE_I2C_ADAPTER", message: /No such file/ });
  const server = await serveBus(createBus(), sockets.busSocket);
  const adapter = await startVhostProcess(sockets);
  assert.ok(adapter.alive);
  await server[Symbol.asyncDispose]();
  await adapter.ended;
  assert.ok(!adapter.alive);
});
