import { type Host, UmecError } from "../../runtime/plugin/sdk.ts";
import type { Chip, Quantity } from "./chip.ts";
import type { Health } from "./health.ts";
import type { Port } from "./port.ts";

/** Commands for one device that may wait for each other. */
const maxWaiting = 16;

export interface CommandsOptions {
  /** The device's. */
  name: string;
  quantities: readonly Quantity[];
  chip: Chip;
  port: Port;
  health: Health;
  host: Host;
}

/** Answers commands for all quantities that can be written, one after another: the reply is `{ value }`. */
export function offerCommands({ name, quantities, chip, port, health, host }: CommandsOptions): void {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  for (const { name: quantity, access = "read" } of quantities) {
    if (access === "read" || !chip.command) continue;
    const write = chip.command.bind(chip);
    host.onCommand(`${name}/${quantity}`, ({ value }, signal) => {
      if (waiting >= maxWaiting) {
        throw new UmecError("I2C_BUSY", `${waiting} commands for ${name} wait already`);
      }
      waiting += 1;
      const turn = last.then(async () => {
        signal.throwIfAborted();
        health.admitCommand();
        return { value: await write(port, quantity, value) };
      });
      last = turn.catch(() => {});
      return turn.finally(() => {
        waiting -= 1;
      });
    });
  }
}
