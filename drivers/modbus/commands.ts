import { type CommandHandler, type Host, UmecError } from "../../runtime/plugin/sdk.ts";
import type { Register } from "./config.ts";
import type { Device } from "./device.ts";
import { valueError } from "./errors.ts";
import { encodeWriteCoil, encodeWriteRegisters } from "./pdu.ts";
import { asNumber } from "./values.ts";

/** Commands for one register that may wait for each other. */
const maxWaiting = 16;

/** Answers commands for all registers of `device` that can be written. */
export function offerCommands(device: Device, host: Host, { readBack }: { readBack: boolean }): void {
  for (const register of device.unit.registers) {
    if (register.access === "read") continue;
    const check = readBack && register.access === "read-write";
    host.onCommand(
      register.name,
      inTurn(register.name, ({ value }) => writeRegister(device, register, value, check)),
    );
  }
}

/**
 * Writes a value and reads it back, ahead of all polls. Returns what the register then holds: with a scale,
 * the nearest step. Throws `MODBUS_VALUE`, `MODBUS_READBACK`, or what befell the request.
 */
async function writeRegister(
  device: Device,
  register: Register,
  value: unknown,
  check: boolean,
): Promise<{ value: number | string | boolean }> {
  const { name, table, address, width, codec, type, min, max } = register;
  if (type !== "bool" && type !== "string") {
    const number = asNumber(value);
    if (number < min || number > max) throw valueError(`${name}: ${number} is not within ${min} to ${max}`);
  }
  const data = codec.encode(value);
  const written = codec.decode(data, 0);
  const pdu =
    table === "coil" ? encodeWriteCoil(address, written === true) : encodeWriteRegisters(address, data);
  const admission = device.health.admit();
  await device.write(pdu, admission, { urgent: true });
  if (!check) return { value: written };

  const held = await device.read({ table, address, count: width }, admission, { urgent: true });
  const same = type === "bool" ? codec.decode(held, 0) === written : held.equals(data);
  if (!same) {
    throw new UmecError(
      "MODBUS_READBACK",
      `${name}: ${data.toString("hex")} was written, ${held.toString("hex")} was read back`,
      { hint: "the device limits or ignores the value; see its manual, or set readBack to false" },
    );
  }
  return { value: written };
}

/** One after the other: else one command would read back what the next has written. */
function inTurn(name: string, handler: CommandHandler): CommandHandler {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (command, signal) => {
    if (waiting >= maxWaiting) {
      throw new UmecError("MODBUS_BUSY", `${waiting} commands for ${name} wait already`);
    }
    waiting += 1;
    const turn = last.then(() => {
      signal.throwIfAborted();
      return handler(command, signal);
    });
    last = turn.catch(() => {});
    return turn.finally(() => {
      waiting -= 1;
    });
  };
}
