import assert from "node:assert/strict";
import { once } from "node:events";
import { access, readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { isUmecError } from "../../runtime/errors.ts";
import { Board } from "./board.ts";
import type { MachineName } from "./devices/types.ts";

const limit = { timeout: 600_000 };
const bootMs = 300_000;

for (const machine of ["virt", "imx8mp-evk"] satisfies MachineName[]) {
  describe(`the image on ${machine}`, limit, () => {
    it("boots, keeps what was synced, has no carrier while its cable is out, and goes off, by the plug or by itself", async () => {
      await using board = await Board.boot({ machine, debugShell: true });
      const sh = (command: string) => board.sh(command, { timeoutMs: bootMs });
      const carrier = (value: string) =>
        sh(`until grep -q ${value} /sys/class/net/e*/carrier; do sleep 0.2; done`);
      await board.console.expect("umec: slot A, left A 2 B 3", { timeoutMs: bootMs });
      const { status, output } = await sh("echo kept >/data/kept && sync; false");
      assert.deepEqual([status, output], [1, ""]);
      await carrier("1");
      await board.network.cut();
      await carrier("0");
      await board.powerCut();
      assert.ok(!board.powered);
      await board.powerOn();
      assert.equal((await sh("cat /data/kept")).output, "kept");
      assert.equal(board.reboots, 0);
      assert.doesNotMatch((await sh("cat /sys/class/net/e*/carrier 2>/dev/null")).output, /1/);
      await board.network.restore();
      await carrier("1");
      // How this machine resets is a part of ../verity.test.ts, and each start takes long here.
      if (machine === "imx8mp-evk") return;
      const again = once(board, "reboot");
      board.console.write("reboot -f\n");
      await again;
      assert.equal((await sh("cat /data/kept")).output, "kept");
      assert.equal(board.reboots, 1);

      await assert.rejects(board.disk.readFile("boot", "board.env"), (error) =>
        isUmecError(error, "DISK_IN_USE"),
      );
      await board.shutdown();
      assert.ok(!board.powered);
      assert.match((await board.disk.readFile("boot", "board.env")).toString(), /umec\.debug-shell/);
    });
  });
}

describe("a board", limit, () => {
  it("is gone, with its QEMU, when its signal is aborted or it is disposed of; the log stays", async () => {
    const abort = new AbortController();
    const board = await Board.boot({ machine: "virt", signal: abort.signal });
    await board.console.expect("U-Boot");
    const waiting = board.console.expect("never", { timeoutMs: bootMs });
    abort.abort();
    await assert.rejects(waiting, (error) => isUmecError(error, "CONSOLE_CLOSED"));
    await board[Symbol.asyncDispose]();
    await assert.rejects(access(board.disk.path), { code: "ENOENT" });
    assert.match(await readFile(board.console.path, "utf8"), /U-Boot/);
    await assert.rejects(board.powerOn(), { name: "AbortError" });
  });

  it("refuses a second device on its one serial port, and names what it has", async () => {
    const device = (id: string) => ({
      id,
      qemuArgs: () => [],
      serialArg: () => "null",
      stop: async () => undefined,
      handles: {},
    });
    await assert.rejects(
      Board.boot({ machine: "virt", devices: [device("one"), device("two")] }),
      (error) => isUmecError(error, "DEVICES_CLASH") && /one and two/.test(error.message),
    );
    await using board = await Board.boot({ machine: "virt", devices: [device("one")] });
    assert.throws(
      () => board.i2c("t0"),
      (error) => isUmecError(error, "DEVICE_UNKNOWN"),
    );
    await assert.rejects(board.sh("true"), (error) => isUmecError(error, "BOARD_NO_SHELL"));
  });
});
