import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemory } from "../../../drivers/modbus/simulator-answer.ts";
import { gpioLines } from "./gpio/attachment.ts";
import { i2cBus } from "./i2c/attachment.ts";
import { serialPort } from "./serial/attachment.ts";
import { askModbus, startTestGuest } from "./test-guest.ts";

test("imx8mp-evk: the same calls with QEMU's own sensor, pins and UART", { timeout: 240_000 }, async (t) => {
  const i2c = i2cBus({ chips: { t0: { model: "tmp105" } } });
  const gpio = gpioLines({ lines: { door: 5, lamp: 6 } });
  const rs485 = serialPort({ units: { 7: createMemory({ holding: { 0: 2301 } }) } });
  const { t0 } = i2c.chips;
  const { door, lamp } = gpio.lines;
  await door.drive(1);
  await using guest = await startTestGuest("imx8mp-evk", [i2c, gpio, rs485], t.signal);
  const temperature = () => guest.sh("i2ctransfer -y 2 w1@0x48 0 r2");

  await t.test("the sensor begins with 25 degrees as our model does, and follows", async () => {
    assert.equal(await temperature(), "0x19 0x00");
    await t0.set({ celsius: -10.5 });
    assert.equal(await temperature(), "0xf5 0x80");
    assert.deepEqual(t0.state(), { celsius: -10.5 });
    assert.throws(() => t0.unplug(), { code: "DEVICE_UNSUPPORTED" });
  });

  await t.test("pins both ways", async () => {
    const base = Number((await guest.sh("cat /sys/class/gpio/gpiochip*/base")).split("\n")[0]);
    const pin = (line: number) => `/sys/class/gpio/gpio${base + line}`;
    const edges = lamp.edges({ signal: t.signal });
    await guest.sh(
      `for n in 5 6; do echo $((${base}+n)) >/sys/class/gpio/export; done; echo out >${pin(6)}/direction`,
    );
    await guest.sh(`echo 1 >${pin(6)}/value; echo 0 >${pin(6)}/value`);
    assert.deepEqual([(await edges.next()).value?.level, (await edges.next()).value?.level], [1, 0]);
    assert.equal(await lamp.level(), 0);
    assert.equal(await guest.sh(`cat ${pin(5)}/value`), "1");
    await door.drive(0);
    assert.equal(await guest.sh(`cat ${pin(5)}/value`), "0");
  });

  await t.test("Modbus", async () => {
    assert.equal(await askModbus(guest, "imx8mp-evk", 7, 0), 2301);
  });
});
