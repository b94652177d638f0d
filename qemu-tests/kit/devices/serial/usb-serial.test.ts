import assert from "node:assert/strict";
import { test } from "node:test";
import { createScratch } from "../../../../runtime/test-scratch.ts";
import { type Run, startRun } from "../../run.ts";
import type { MachineName } from "../types.ts";
import { type UsbSerial, usbSerial } from "./usb-serial.ts";

const scratch = createScratch();

/** A QEMU whose guest never runs, with the converter. */
async function powerOn(machine: MachineName, dir: string, converter: UsbSerial): Promise<Run> {
  const { signal } = new AbortController();
  await converter.beforeStart?.({ machine, dir, signal });
  const nothing = ["-nodefaults", "-m", machine === "raspi3b" ? "1024M" : "256M", "-serial", "null"];
  const args = ["-M", machine, ...nothing, ...converter.qemuArgs(machine, dir)];
  const run = await startRun({ dir, args, onConsole: () => {}, signal });
  await converter.afterStart?.({ machine, dir, signal, qmp: run.qmp, qtest: run.qtest });
  return run;
}

async function attached({ qmp }: Run): Promise<string[]> {
  const path = "/machine/peripheral";
  const children = await qmp.execute<{ name: string; type: string }[]>("qom-list", { path });
  return children.filter(({ type }) => type === "child<usb-serial>").map(({ name }) => name);
}

for (const machine of ["virt", "imx8mp-evk", "raspi3b"] as const) {
  test(`${machine}: plugged out and in, also without power`, { timeout: 60_000 }, async (t) => {
    const converter = usbSerial({ id: "usb485" });
    t.after(() => converter.stop());
    const dir = await scratch();
    {
      await using run = await powerOn(machine, dir, converter);
      for (let i = 0; i < 3; i++) {
        assert.deepEqual(await attached(run), ["usb485-plug"]);
        await converter.unplug();
        assert.deepEqual(await attached(run), []);
        await converter.plug();
      }
      await converter.unplug();
    }
    await converter.afterExit?.();
    {
      await using run = await powerOn(machine, dir, converter);
      assert.deepEqual(await attached(run), []);
    }
    await converter.afterExit?.();
    await converter.plug();
    await using run = await powerOn(machine, dir, converter);
    assert.deepEqual(await attached(run), ["usb485-plug"]);
  });
}

test("pulled out in the middle of a word", { timeout: 60_000 }, async (t) => {
  const converter = usbSerial({ id: "usb485" });
  t.after(() => converter.stop());
  converter.slave.serve = (line) => {
    const talk = setInterval(() => line.write("."), 1);
    line.on("close", () => clearInterval(talk));
  };
  await using run = await powerOn("virt", await scratch(), converter);
  for (let i = 0; i < 50; i++) {
    await converter.unplug();
    await converter.plug();
  }
  assert.deepEqual(await attached(run), ["usb485-plug"]);
});
