import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemory } from "../../../drivers/modbus/simulator-answer.ts";
import { gpioLines } from "./gpio/attachment.ts";
import { i2cBus } from "./i2c/attachment.ts";
import { serialPort } from "./serial/attachment.ts";
import { askModbus, startTestGuest } from "./test-guest.ts";

test("raspi3b: sensor, outputs and UART; what QEMU can't is said", { timeout: 240_000 }, async (t) => {
  const i2c = i2cBus({ chips: { t0: { model: "lm75" } } });
  const gpio = gpioLines({ lines: { lamp: 22 } });
  const rs485 = serialPort({ units: { 7: createMemory({ holding: { 0: 2301 } }) } });
  const { lamp } = gpio.lines;
  await using guest = await startTestGuest("raspi3b", [i2c, gpio, rs485], t.signal);

  await t.test("the sensor", async () => {
    await i2c.chips.t0.set({ celsius: 85.5 });
    assert.equal(await guest.sh("i2ctransfer -y 1 w1@0x48 0 r2"), "0x55 0x80");
  });

  await t.test("outputs are seen, pins can't be driven", async () => {
    const chips = await guest.sh("for c in /sys/class/gpio/gpiochip*; do cat $c/label $c/base; done");
    const base = Number(/pinctrl-bcm2835\n(\d+)/.exec(chips)?.[1]);
    const pin = `/sys/class/gpio/gpio${base + 22}`;
    await guest.sh(
      `echo ${base + 22} >/sys/class/gpio/export; echo out >${pin}/direction; echo 1 >${pin}/value`,
    );
    assert.equal(await lamp.level(), 1);
    await guest.sh(`echo 0 >${pin}/value`);
    assert.equal(await lamp.level(), 0);
    await assert.rejects(lamp.drive(1), { code: "DEVICE_UNSUPPORTED" });
    assert.throws(() => lamp.edges(), { code: "DEVICE_UNSUPPORTED" });
  });

  await t.test("Modbus", async () => {
    assert.equal(await askModbus(guest, "raspi3b", 7, 0), 2301);
  });
});
