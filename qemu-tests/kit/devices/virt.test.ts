import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemory } from "../../../drivers/modbus/simulator-answer.ts";
import { gpioLines } from "./gpio/attachment.ts";
import { i2cBus } from "./i2c/attachment.ts";
import { serialPort } from "./serial/attachment.ts";
import { askModbus, startTestGuest } from "./test-guest.ts";

const timeoutMs = 240_000;

/** One guest for all, since a start takes seconds: the story of a board with a sensor, a door and a meter. */
test("virt: sensors, pins and a Modbus line, also after a power cut", { timeout: timeoutMs }, async (t) => {
  const meter = createMemory({ holding: { 0: 2301 } });
  const i2c = i2cBus({
    chips: { t0: { model: "tmp105" }, rom: { model: "at24c32" }, air: { model: "bme280" } },
  });
  const gpio = gpioLines({ lines: { door: 5, lamp: 6 } });
  const rs485 = serialPort({ units: { 7: meter } });
  const { t0, rom } = i2c.chips;
  const { door, lamp } = gpio.lines;
  await t0.set({ celsius: 21.5 });
  await door.drive(1);
  await using guest = await startTestGuest("virt", [i2c, gpio, rs485], t.signal);
  const temperature = () => guest.sh("i2ctransfer -y 0 w1@0x48 0 r2");

  await t.test("what was set before the start is there", async () => {
    assert.equal(await temperature(), "0x15 0x80");
    assert.equal(await guest.sh("i2cget -y 0 0x76 0xd0"), "0x60");
    assert.equal(await door.level(), 1);
  });

  await t.test("values follow, below zero too", async () => {
    await t0.set({ celsius: -10 });
    assert.equal(await temperature(), "0xf6 0x00");
  });

  await t.test("a scan finds the chips that are there", async () => {
    const found = (await guest.sh("i2cdetect -y -r 0")).match(/(?<= )[0-9a-f]{2}(?!:)(?= |$)/gm);
    assert.deepEqual(
      found?.filter((address) => ["48", "50", "76"].includes(address)),
      ["48", "50", "76"],
    );
    t0.unplug();
    assert.match(await temperature(), /only 0\/2 messages sent/);
    t0.plug();
    assert.equal(await temperature(), "0xf6 0x00");
  });

  await t.test(
    "a message that is refused fails its transfer, the rest of it does not reach the chip",
    async () => {
      const before = t0.messages().length;
      t0.nack();
      assert.match(await temperature(), /only 0\/2 messages sent/);
      assert.equal(t0.messages().length, before + 1);
      assert.equal(await temperature(), "0xf6 0x00");
    },
  );

  await t.test("a hundred failed transfers do no harm to the guest's memory", async () => {
    t0.unplug();
    await guest.sh(
      "for n in $(seq 100); do i2ctransfer -y 0 w1@0x48 0 r2 w1@0x48 1 r2; done >/dev/null 2>&1",
    );
    t0.plug();
    assert.equal(await temperature(), "0xf6 0x00");
  });

  await t.test("a chip that holds the clock holds the reader", async () => {
    t0.stall(Number.POSITIVE_INFINITY);
    await guest.sh("(i2ctransfer -y 0 w1@0x48 0 r2 >/stalled) >/dev/null 2>&1 & sleep 0.5");
    assert.equal(await guest.sh("cat /stalled"), "");
    t0.behave();
    assert.equal(await guest.sh("wait; cat /stalled"), "0xf6 0x00");
  });

  await t.test("the guest drives a line, and sees ours", async () => {
    const base = Number((await guest.sh("cat /sys/class/gpio/gpiochip*/base")).split("\n")[0]);
    const pin = (line: number) => `/sys/class/gpio/gpio${base + line}`;
    const edges = lamp.edges({ signal: t.signal });
    await guest.sh(
      `for n in 5 6; do echo $((${base}+n)) >/sys/class/gpio/export; done; echo out >${pin(6)}/direction`,
    );
    await guest.sh(`echo 1 >${pin(6)}/value; echo 0 >${pin(6)}/value; echo 1 >${pin(6)}/value`);
    const levels = [];
    for (let i = 0; i < 3; i++) levels.push((await edges.next()).value?.level);
    assert.deepEqual(levels, [1, 0, 1]);
    assert.equal(await lamp.level(), 1);
    assert.equal(await guest.sh(`cat ${pin(5)}/value`), "1");
    await door.drive(0);
    assert.equal(await guest.sh(`cat ${pin(5)}/value`), "0");
    await guest.sh(`echo both >${pin(5)}/edge`);
    const before = await interruptsOf(5);
    await door.drive(1);
    assert.equal(await interruptsOf(5), before + 1);

    async function interruptsOf(line: number): Promise<number> {
      const rows = await guest.sh(`grep -i pl061 /proc/interrupts `);
      const row = rows.split("\n").find((text) => new RegExp(`\\b${line} Edge`).test(text));
      return Number(row?.trim().split(/\s+/)[1]);
    }
  });

  await t.test("a Modbus request on the second serial port is answered", async () => {
    assert.equal(await askModbus(guest, "virt", 7, 0), 2301);
    meter.set("holding", 0, 2305);
    assert.equal(await askModbus(guest, "virt", 7, 0), 2305);
    rs485.slave.misbehave("silence", { times: 1 });
    assert.equal(await askModbus(guest, "virt", 7, 0), undefined);
  });

  await t.test("after a power cut the world is as it was, and the chips' registers are new", async () => {
    await guest.sh("i2ctransfer -y 0 w2@0x48 1 0x60; i2ctransfer -y 0 w3@0x50 0 0 0x2a");
    await guest.powerCycle();
    assert.equal(await guest.sh("i2ctransfer -y 0 w1@0x48 1 r1"), "0x00");
    assert.equal(await temperature(), "0xf6 0x00");
    assert.equal((rom.state().bytes as Uint8Array)[0], 0x2a);
    assert.equal(await door.level(), 1);
    assert.equal(await askModbus(guest, "virt", 7, 0), 2305);
  });
});
