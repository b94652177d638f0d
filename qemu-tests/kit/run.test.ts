import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { isUmecError } from "../../runtime/errors.ts";
import { openChannel } from "./channel.ts";
import { Console } from "./console.ts";
import type { Qmp } from "./qmp.ts";
import { startRun } from "./run.ts";

const made: string[] = [];
after(async () => {
  for (const path of made) await rm(path, { recursive: true, force: true });
});
const limit = { timeout: 120_000 };

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "umec-kit-"));
  made.push(path);
  return path;
}

/** QEMU's virt without any disk. */
async function start(options: { firmware?: boolean; signal?: AbortSignal } = {}) {
  const dir = await folder();
  const console = new Console(join(dir, "console.log"));
  const run = await startRun({
    dir,
    args: [
      ...[
        "-M",
        "virt",
        "-cpu",
        "cortex-a53",
        "-m",
        "128M",
        "-accel",
        "tcg",
        "-nic",
        "none",
        "-serial",
        "chardev:console",
      ],
      ...(options.firmware ? ["-bios", "/usr/lib/u-boot/qemu_arm64/u-boot.bin"] : []),
    ],
    onConsole: (socket) => console.attach(socket),
    ...(options.signal && { signal: options.signal }),
  });
  return {
    run,
    console,
    async [Symbol.asyncDispose]() {
      await run.kill();
      await console.close();
    },
  };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** QEMU gives the GPIO controller a path by its number among the devices. */
async function gpioPath(qmp: Qmp): Promise<string> {
  const list = await qmp.execute<{ name: string; type: string }[]>("qom-list", {
    path: "/machine/unattached",
  });
  const found = list.find(({ type }) => type === "child<pl061>");
  assert.ok(found);
  return `/machine/unattached/${found.name}`;
}

describe("a run of QEMU", limit, () => {
  it("answers on QMP, tells a refusal in QEMU's words, and gives events", async () => {
    await using board = await start();
    const { qmp } = board.run;
    const status = await qmp.execute<{ running: boolean; status: string }>("query-status");
    assert.deepEqual([status.running, status.status], [false, "prelaunch"]);
    await assert.rejects(qmp.execute("no-such-command"), (error: unknown) => {
      assert.ok(isUmecError(error, "QMP_REFUSED"));
      assert.match(error.message, /no-such-command.*has not been found/);
      return true;
    });
    const resumed = qmp.event("RESUME");
    await board.run.go();
    assert.equal((await resumed).event, "RESUME");
  });

  it("drives a pin and reads a register through qtest", async () => {
    await using board = await start();
    const { qmp, qtest } = board.run;
    const path = await gpioPath(qmp);
    // PL061 on virt: GPIODATA at 0x09030000 with all eight mask bits set in the address (ARM DDI 0190, section 3.3.1).
    const data = 0x0903_0000 + (0xff << 2);
    assert.equal(await qtest.readl(data), 0);
    await qtest.setIrqIn(path, "unnamed-gpio-in", 5, 1);
    assert.equal(await qtest.readl(data), 1 << 5);
    await qtest.setIrqIn(path, "unnamed-gpio-in", 5, 0);
    assert.equal(await qtest.readl(data), 0);
  });

  it("tells of an output pin unasked", async () => {
    await using board = await start();
    const { qmp, qtest } = board.run;
    await qtest.interceptOut(await gpioPath(qmp));
    const seen: [number, 0 | 1][] = [];
    const stop = qtest.onIrq((line, level) => seen.push([line, level]));
    // GPIODIR: line 2 is an output. Then its data bit.
    await qtest.command("writel 0x09030400 0x04");
    await qtest.command("writel 0x09030010 0x04");
    await qtest.command("writel 0x09030010 0x00");
    stop();
    await qtest.command("writel 0x09030010 0x04");
    assert.ok(seen.length >= 2, JSON.stringify(seen));
    assert.deepEqual(
      seen.slice(-2).map(([, level]) => level),
      [1, 0],
    );
  });

  it("refuses a qtest command that QEMU does not know, and goes on", async () => {
    await using board = await start();
    await assert.rejects(board.run.qtest.command("nonsense"), (error) => isUmecError(error, "QTEST_REFUSED"));
    // Where the memory begins QEMU has put the device tree: 0xd00dfeed, the highest byte first.
    assert.equal(await board.run.qtest.readl(0x4000_0000), 0xedfe0dd0);
  });

  it("shows a real boot loader on the console, and its reset as the reason of the end", async () => {
    await using board = await start({ firmware: true });
    const { console, run } = board;
    await run.go();
    await console.expect(/U-Boot \d{4}\.\d\d/, { timeoutMs: 60_000 });
    await console.expect("Hit any key to stop autoboot", { timeoutMs: 60_000 });
    console.write("\n");
    await console.expect("=> ");
    console.write("echo $board\n");
    assert.equal((await console.expect(/^(qemu-\w+)\r?\n/m))[1], "qemu-arm");
    console.write("reset\n");
    const { reason, detail } = await run.ended;
    assert.equal(reason, "reset", detail);
  });

  it("says what the last lines were when a pattern does not come", async () => {
    await using board = await start({ firmware: true });
    await board.run.go();
    await board.console.expect("U-Boot");
    await assert.rejects(board.console.expect("never", { timeoutMs: 1000 }), (error: unknown) => {
      assert.ok(isUmecError(error, "CONSOLE_TIMEOUT"));
      assert.match(`${error.message} ${error.hint}`, /DRAM[\s\S]*console\.log/);
      return true;
    });
  });

  it("ends QEMU by kill and by the abort signal", async () => {
    await using first = await start();
    assert.ok(alive(first.run.pid));
    await first.run.kill();
    assert.equal((await first.run.ended).reason, "killed");
    assert.ok(!alive(first.run.pid));
    await assert.rejects(first.run.qmp.execute("query-status"), (error) => isUmecError(error, "QMP_CLOSED"));

    const abort = new AbortController();
    await using second = await start({ signal: abort.signal });
    abort.abort();
    assert.equal((await second.run.ended).reason, "killed");
    assert.ok(!alive(second.run.pid));
  });

  it("ends with the process that started it, also when that is killed itself", async () => {
    const dir = await folder();
    await using life = await openChannel(join(dir, "life.sock"));
    const args = ["-M", "none", "-chardev", `socket,id=life,path=${life.path},server=off`];
    const program = `
      import { startRun } from ${JSON.stringify(new URL("run.ts", import.meta.url).href)};
      await startRun({ dir: ${JSON.stringify(dir)}, args: ${JSON.stringify(args)}, onConsole: () => {} });
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
    const socket = await life.connected;
    const ended = new Promise<void>((done) => socket.once("close", () => done()));
    socket.resume();
    child.kill("SIGKILL");
    await ended;
  });

  it("rejects with QEMU's words when QEMU does not start", async () => {
    const start = startRun({
      dir: await folder(),
      args: ["-M", "no-such-board"],
      onConsole: () => undefined,
    });
    await assert.rejects(start, (error: unknown) => {
      assert.ok(isUmecError(error, "QEMU_START_FAILED"));
      assert.match(error.message, /no-such-board/);
      return true;
    });
  });
});
