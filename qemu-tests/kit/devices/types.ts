/**
 * The border between the board (which starts, cuts and restarts QEMU) and the hardware around it (which stays).
 *
 * A device attachment is one piece of the outside world: an I2C bus with sensors, a GPIO line, a serial line with
 * what hangs on it. It outlives QEMU. Its values, its faults and its listening sockets stay while the board is without
 * power, and the next QEMU gets the same arguments. The board calls, in this order and for each start:
 *
 * 1. `beforeStart` of every attachment: sockets listen when it resolves.
 * 2. QEMU is started with `qemuArgs` of every attachment; `serialArg`, if there is one, is given as `-serial <it>`
 *    at the place of the machine's free port (`guest-names.ts` says which, and the names in the guest).
 * 3. `afterStart`, once QMP and qtest answer and before anybody waits for the guest: pins and sensors of QEMU's own
 *    models get the values that the world has.
 * 4. `afterExit` when that QEMU has ended, for whatever reason.
 *
 * `stop` is called once, at the end of the test, and frees all. Every path is below `dir`, which must be short: a unix
 * socket's path ends at 107 bytes.
 */
import type { GpioHandle } from "./gpio/handle.ts";
import type { I2cHandle } from "./i2c/handle.ts";
import type { SerialHandle } from "./serial/handle.ts";

/** The emulated boards: QEMU's `-M`. */
export type MachineName = "virt" | "imx8mp-evk" | "raspi3b";

/** What an attachment needs of a QMP client. */
export interface QmpPort {
  /** The member `return` of the answer. Rejects on an `error` answer and when QEMU ends. */
  execute(command: string, args?: Record<string, unknown>): Promise<unknown>;
}

/** What an attachment needs of a qtest client (`-qtest unix:…,server=on,wait=off`, line based, one command at a time). */
export interface QtestPort {
  /** Sends one line and resolves with what stands behind `OK`, trimmed. Rejects on `FAIL`, `ERR` and when QEMU ends. */
  command(line: string): Promise<string>;
  /** Calls back for each `IRQ raise <line>` (1) and `IRQ lower <line>` (0) that comes unasked. Returns how to end it. */
  onIrq(listener: (line: number, level: 0 | 1) => void): () => void;
}

/** Before QEMU runs. */
export interface BeforeStart {
  readonly machine: MachineName;
  /**
   * The board's folder for sockets; the same one for each start. Where the kit is the boot loader, `board.dtb` in it is
   * the device tree that is handed over, read anew for each start.
   */
  readonly dir: string;
  readonly signal: AbortSignal;
}

/** QEMU runs and answers. `signal` is aborted when this QEMU ends. */
export interface AfterStart extends BeforeStart {
  readonly qmp: QmpPort;
  readonly qtest: QtestPort;
}

/** One piece of the world outside; see the head of this file for who calls what and when. */
export interface DeviceAttachment {
  /** Unique on a board, letters, digits and dashes; ids of QEMU's objects begin with it. */
  readonly id: string;
  /** Arguments for QEMU, without `-serial`. Pure: the same machine and folder give the same arguments. */
  qemuArgs(machine: MachineName, dir: string): string[];
  /** The value for `-serial` at the free port's place, for example `chardev:rs485`. At most one attachment a board. */
  serialArg?(machine: MachineName): string;
  /** `shared-memory` when the guest's memory must be `-object memory-backend-memfd,id=mem,size=…,share=on -machine memory-backend=mem`. */
  memory?(machine: MachineName): "plain" | "shared-memory";
  beforeStart?(context: BeforeStart): Promise<void>;
  afterStart?(context: AfterStart): Promise<void>;
  afterExit?(): Promise<void>;
  stop(): Promise<void>;
  /** What a test holds in its hands, by the name that `board.i2c(name)`, `board.gpio(name)`, `board.serial(name)` take. */
  readonly handles: DeviceHandles;
}

/** The handles of one attachment; most have one entry. */
export interface DeviceHandles {
  readonly i2c?: ReadonlyMap<string, I2cHandle>;
  readonly gpio?: ReadonlyMap<string, GpioHandle>;
  readonly serial?: ReadonlyMap<string, SerialHandle>;
}
