import { Feed } from "../../feed.ts";
import { noPower, valueError } from "../errors.ts";
import type { AfterStart, DeviceAttachment } from "../types.ts";
import { type Controller, controllerOf, noPins } from "./controllers.ts";
import type { Edge, GpioHandle, Level } from "./handle.ts";

export interface GpioLinesOptions<Name extends string> {
  /** @default "gpio" */
  id?: string;
  /** Name → number of the line in its bank. virt has 0 to 7 and uses 3, imx8mp-evk 0 to 31, raspi3b 0 to 53. */
  lines: Readonly<Record<Name, number>>;
  /** The controller: imx8mp-evk has 1 to 5, the others one. @default 1 */
  bank?: number;
}

export interface GpioLines<Name extends string> extends DeviceAttachment {
  readonly lines: Readonly<Record<Name, GpioHandle>>;
}

/** A running board. */
interface Running extends AfterStart {
  readonly controller: Controller;
  readonly path: string | undefined;
}

/**
 * Lines of one GPIO controller. QEMU tells the changes of one device only, so there is one such attachment a board.
 * An input that was never driven has the level that the board's model gives it (low on virt and imx8mp-evk). After
 * a power cut driven levels are there again before the guest runs its first driver.
 */
export function gpioLines<Name extends string>({
  id = "gpio",
  lines,
  bank = 1,
}: GpioLinesOptions<Name>): GpioLines<Name> {
  let running: Running | undefined;
  let ended = (): void => {};
  const all = Object.entries<number>(lines).map(([name, number]) => new Line(name, number, () => running));

  return {
    id,
    lines: Object.fromEntries(all.map((line) => [line.name, line])) as unknown as Record<Name, GpioHandle>,
    handles: { gpio: new Map(all.map((line) => [line.name, line])) },
    qemuArgs(machine) {
      const controller = controllerOf(machine, bank);
      for (const { name, number } of all) {
        if (Number.isInteger(number) && number >= 0 && number < controller.lines) continue;
        throw valueError(`${name}: ${machine} has lines 0 to ${controller.lines - 1}, not ${number}`);
      }
      return [];
    },
    async afterStart(context) {
      const controller = controllerOf(context.machine, bank);
      const path = await controller.path(context.qmp);
      if (path !== undefined) {
        ended = context.qtest.onIrq((number, level) => {
          const atMs = performance.now();
          for (const line of all) if (line.number === number) line.changed({ level, atMs });
        });
        await context.qtest.command(`irq_intercept_out ${path}`);
      }
      running = { ...context, controller, path };
      for (const line of all) await line.restore();
    },
    async afterExit() {
      ended();
      running = undefined;
    },
    async stop() {
      ended();
      running = undefined;
      for (const line of all) line.end();
    },
  };
}

class Line implements GpioHandle {
  readonly name: string;
  readonly number: number;
  readonly #board: () => Running | undefined;
  readonly #edges = new Feed<Edge>();
  #driven: Level | undefined;

  constructor(name: string, number: number, board: () => Running | undefined) {
    this.name = name;
    this.number = number;
    this.#board = board;
  }

  async drive(level: Level): Promise<void> {
    const board = this.#board();
    if (board && board.path === undefined) throw noPins(board.machine);
    this.#driven = level;
    await board?.qtest.command(`set_irq_in ${board.path} unnamed-gpio-in ${this.number} ${level}`);
  }

  async level(): Promise<Level> {
    const board = this.#board();
    if (!board) throw noPower(`${this.name} has no level: the board has no power`);
    const { address, bit } = board.controller.register(this.number);
    const value = Number(await board.qtest.command(`readl 0x${address.toString(16)}`));
    return ((value >>> bit) & 1) as Level;
  }

  edges(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<Edge> {
    const board = this.#board();
    if (board && board.path === undefined) throw noPins(board.machine);
    return this.#edges.follow(options);
  }

  changed(edge: Edge): void {
    this.#edges.push(edge);
  }

  async restore(): Promise<void> {
    if (this.#driven !== undefined) await this.drive(this.#driven);
  }

  end(): void {
    this.#edges.end();
  }
}
