/**
 * A board with its power switch, its card, its cables and what is plugged into it.
 *
 * 1. It runs the image that users flash, from a card of its own. The card, the devices and the network outlive the
 *    power; memory does not.
 * 2. A reset by the guest (a reboot, a panic, the watchdog) ends QEMU and starts a new one with the same card, without
 *    a test's doing; the event `reboot` tells of it. Memory is kept over it only with `keepsMemory`. Where the kit is the boot loader it
 *    takes the slot anew.
 * 3. `powerCut` is SIGKILL: the guest notices nothing. What the card makes of it is written in `disk.ts`.
 * 4. When the board is disposed of, when the signal is aborted, and when this process ends in whatever way, no QEMU is
 *    left. The console's log stays; its path is in every error.
 */
import { EventEmitter } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, UmecError } from "../../runtime/errors.ts";
import { type BoardOptions, cardBytes, configOf, debugShellInto } from "./board-options.ts";
import { Console, type ExpectOptions } from "./console.ts";
import { consoleLogPath } from "./console-log.ts";
import { DeviceRack } from "./device-rack.ts";
import type { GpioHandle } from "./devices/gpio/handle.ts";
import type { I2cHandle } from "./devices/i2c/handle.ts";
import type { SerialHandle } from "./devices/serial/handle.ts";
import { Disk } from "./disk.ts";
import { flashToFile } from "./flash.ts";
import { newestImage } from "./image-file.ts";
import { handedOver, load } from "./loader.ts";
import { machines } from "./machines/index.ts";
import { lastingMemory, type Machine, serialArgs, sharedMemory } from "./machines/machine.ts";
import { Network } from "./network.ts";
import { consoleChardev, type Run, startRun } from "./run.ts";
import { runInShell, type ShellResult } from "./shell.ts";
import { Tpm } from "./tpm.ts";
import type { PowerCutLoss } from "./write-cache.ts";

export type { BoardOptions } from "./board-options.ts";

export interface BoardEvents {
  /** The guest was reset, and runs again. */
  reboot: [];
  /** The guest has switched itself off. */
  off: [];
  /** QEMU ended by itself or did not come up again; who waits for the console gets the same error. */
  failed: [UmecError];
}

/** What a board is made of; its own from then on. */
interface Parts {
  options: BoardOptions;
  machine: Machine;
  dir: string;
  console: Console;
  network: Network;
  disk: Disk;
  rack: DeviceRack;
  tpm: Tpm | undefined;
}

const shutdownMs = 90_000;

export class Board extends EventEmitter<BoardEvents> implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #ending = new AbortController();
  readonly #takeDown = () => void this[Symbol.asyncDispose]();
  #run: Run | undefined;
  #reboots = 0;
  #changes: Promise<unknown> = Promise.resolve();
  #disposed: Promise<void> | undefined;

  private constructor(parts: Parts) {
    super();
    this.#parts = parts;
  }

  /**
   * Flashes a card, puts it in and switches on. Resolves when the guest runs its first instruction; what it does then
   * is to be seen at the hub or on the console.
   *
   * @throws UmecError `IMAGE_MISSING`, `FLASH_FAILED`, `QEMU_START_FAILED`, `LOADER_NO_SLOT`, `DEVICES_CLASH`
   */
  static async boot(options: BoardOptions): Promise<Board> {
    options.signal?.throwIfAborted();
    const machine = machines[options.machine];
    const rack = new DeviceRack(options.devices ?? []);
    const image = options.image ?? (await newestImage(machine.board));
    await using undo = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), "umec-"));
    undo.defer(() => rm(dir, { recursive: true, force: true }));
    const network = undo.use(new Network());
    const disk = undo.use(await flashedCard(options, { machine, image, dir, network }));
    const console = new Console(await consoleLogPath(machine.name));
    const tpm = options.tpm ? new Tpm(dir) : undefined;
    const board = new Board({ options, machine, dir, console, network, disk, rack, tpm });
    undo.move();
    options.signal?.addEventListener("abort", board.#takeDown, { once: true });
    try {
      await board.powerOn();
    } catch (error) {
      await board[Symbol.asyncDispose]();
      throw error;
    }
    return board;
  }

  get machine(): Machine {
    return this.#parts.machine;
  }

  get console(): Console {
    return this.#parts.console;
  }

  get network(): Network {
    return this.#parts.network;
  }

  /** The card; while the board has power it belongs to the guest. */
  get disk(): Disk {
    return this.#parts.disk;
  }

  /** The security chip. @throws UmecError `BOARD_NO_TPM` */
  get tpm(): Tpm {
    if (this.#parts.tpm) return this.#parts.tpm;
    throw new UmecError("BOARD_NO_TPM", "the board was booted without tpm: true");
  }

  get powered(): boolean {
    return this.#run !== undefined;
  }

  /** How often the guest was reset since `boot`. */
  get reboots(): number {
    return this.#reboots;
  }

  /** A chip on the I2C bus. @throws UmecError `DEVICE_UNKNOWN` */
  i2c(name: string): I2cHandle {
    return this.#parts.rack.handle("i2c", name);
  }

  /** A pin. @throws UmecError `DEVICE_UNKNOWN` */
  gpio(name: string): GpioHandle {
    return this.#parts.rack.handle("gpio", name);
  }

  /** What is on the serial line. @throws UmecError `DEVICE_UNKNOWN` */
  serial(name: string): SerialHandle {
    return this.#parts.rack.handle("serial", name);
  }

  /** Runs a command as root over the console; for diagnosis. @throws UmecError `BOARD_NO_SHELL`, `CONSOLE_TIMEOUT` */
  async sh(command: string, options: ExpectOptions = {}): Promise<ShellResult> {
    if (this.#parts.options.debugShell) return runInShell(this.console, command, options);
    throw new UmecError("BOARD_NO_SHELL", "there is no shell on the console of an image as it is shipped", {
      hint: "boot the board with debugShell: true",
    });
  }

  /** Switches on; nothing happens when it is on. Resolves as `boot` does. */
  powerOn(): Promise<void> {
    return this.#exclusive(async () => {
      if (!this.#run) await this.#start();
    });
  }

  /** Pulls the plug, and tells what the card's cache lost: nothing on a card without one, or when it was off. */
  powerCut(): Promise<PowerCutLoss | undefined> {
    return this.#exclusive(async () => {
      const run = this.#run;
      if (!run) return undefined;
      await run.kill();
      return this.#ended("cut");
    });
  }

  /**
   * Asks the guest to switch off, by its power button or, with `debugShell`, by a command, and waits.
   *
   * @throws UmecError `BOARD_STAYS_ON` when it does not within `timeoutMs` (default 90 s); it is still on then
   */
  async shutdown({ timeoutMs = shutdownMs }: { timeoutMs?: number } = {}): Promise<void> {
    const run = this.#run;
    if (!run) return;
    const off = Promise.withResolvers<void>();
    const timer = setTimeout(() => off.reject(this.#staysOn(timeoutMs)), timeoutMs);
    this.once("off", off.resolve);
    this.once("failed", off.reject);
    try {
      if (this.#parts.options.debugShell) this.console.write("\npoweroff\n");
      else await run.qmp.execute("system_powerdown");
      await off.promise;
    } finally {
      clearTimeout(timer);
      this.off("off", off.resolve);
      this.off("failed", off.reject);
    }
  }

  /** Pulls the plug for good and frees all. The console's log stays. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    const { options, console, network, disk, rack, dir } = this.#parts;
    options.signal?.removeEventListener("abort", this.#takeDown);
    this.#ending.abort();
    await this.#exclusive(async () => {
      await this.#run?.kill();
      if (this.#run) await this.#ended("cut");
      await rack.stop();
      await network[Symbol.asyncDispose]();
      await disk[Symbol.asyncDispose]();
      await console.close();
      await rm(dir, { recursive: true, force: true });
    });
  }

  /** One change of the power at a time. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const change = this.#changes.then(work);
    this.#changes = change.catch(() => undefined);
    return change;
  }

  async #start(): Promise<void> {
    this.#ending.signal.throwIfAborted();
    const { options, machine, dir, console, network, disk, rack, tpm } = this.#parts;
    const life = new AbortController();
    const context = {
      machine: machine.name,
      dir,
      signal: AbortSignal.any([life.signal, this.#ending.signal]),
    };
    const kitLoads = machine.loader === "kit" && options.firmware === undefined;
    const loaded = kitLoads
      ? await load({
          fat: (label) => disk.fat(label),
          dir,
          deviceTree: machine.deviceTree,
          print: (line) => console.print(`${line}\n`),
        })
      : undefined;
    const firmwareDtb =
      options.firmware !== undefined && machine.deviceTree
        ? await handedOver(await disk.fat("boot_a"), dir, machine.deviceTree)
        : undefined;
    await rack.beforeStart(context);
    const memoryMiB = options.memoryMiB ?? machine.memoryMiB;
    const drive = disk.attach();
    try {
      const run = await startRun({
        dir,
        args: [
          ...(await machine.args({ memoryMiB, drive, loaded, firmware: options.firmware, firmwareDtb })),
          ...(options.keepsMemory
            ? lastingMemory(memoryMiB, this.#memoryPath)
            : rack.sharesMemory(machine.name)
              ? sharedMemory(memoryMiB)
              : []),
          ...serialArgs(machine, consoleChardev, rack.serialArg(machine.name)),
          ...rack.args(machine.name, dir),
          ...((await tpm?.powerOn()) ?? []),
        ],
        onConsole: (socket) => console.attach(socket),
        signal: this.#ending.signal,
      });
      this.#run = run;
      void run.ended.then((end) => {
        life.abort();
        return this.#exclusive(() => this.#after(run, end));
      });
      await rack.afterStart({ ...context, qmp: run.qmp, qtest: run.qtest });
      await network.attach(run.qmp);
      await run.go();
    } catch (error) {
      life.abort();
      await this.#run?.kill();
      await this.#ended("cut");
      throw error;
    }
  }

  /** A run has ended that nobody here has ended. */
  async #after(run: Run, { reason, detail }: Awaited<Run["ended"]>): Promise<void> {
    if (this.#run !== run) return;
    if (reason === "reset") {
      await this.#ended("on");
      try {
        await this.#start();
      } catch (error) {
        this.#fail("did not start again after a reset", messageOf(error), error);
        return;
      }
      this.#reboots++;
      this.emit("reboot");
    } else if (reason === "off") {
      await this.#ended("off");
      this.emit("off");
    } else {
      await this.#ended("cut");
      if (reason === "failed") this.#fail("ended by itself", detail);
    }
  }

  get #memoryPath(): string {
    return join(this.#parts.dir, "memory");
  }

  async #ended(power: "on" | "off" | "cut"): Promise<PowerCutLoss | undefined> {
    this.#run = undefined;
    if (power !== "on") await rm(this.#memoryPath, { force: true });
    this.#parts.network.detach();
    await this.#parts.rack.afterExit();
    await this.#parts.tpm?.powerOff();
    return this.#parts.disk.detach(power);
  }

  #fail(what: string, detail: string, cause?: unknown): void {
    const error = new UmecError(
      "BOARD_FAILED",
      `the emulated board ${what}: ${detail}\n${this.console.tail()}`,
      {
        cause,
        hint: `the console's log is ${this.console.path}`,
      },
    );
    this.console.fail(error);
    this.emit("failed", error);
  }

  #staysOn(timeoutMs: number): UmecError {
    const last = `its last lines are:\n${this.console.tail()}`;
    return new UmecError("BOARD_STAYS_ON", `the board did not switch off within ${timeoutMs} ms; ${last}`, {
      hint: `powerCut() ends it; the console's log is ${this.console.path}`,
    });
  }
}

async function flashedCard(
  options: BoardOptions,
  { machine, image, dir, network }: { machine: Machine; image: string; dir: string; network: Network },
): Promise<Disk> {
  const path = join(dir, "card.img");
  const config = await configOf(options, network);
  await flashToFile({
    image,
    file: path,
    ...(config && { config }),
    ...(options.flash && { how: options.flash }),
    ...(options.signal && { signal: options.signal }),
  });
  const bytes = cardBytes(machine, (await stat(path)).size, options.cardBytes);
  const disk = await Disk.open({ path, dir, kind: machine.disk, bytes, seed: options.seed ?? 1 });
  if (options.debugShell) await debugShellInto(disk);
  return disk;
}
