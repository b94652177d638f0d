/**
 * Does what a device's program says: the transfers of a sample, and commands.
 *
 * SPI has no acknowledgement: where there is no chip a transfer succeeds, too, and brings what the line is at. So what
 * came is believed only as far as the program can tell it from nothing: `expect`, `zeros` and `ones`. A fault that the
 * chip itself tells of makes single values bad, with its reason; the device is still one that answers.
 */
import type { Reading } from "../common/shared-bus/bus-device.ts";
import { isMet, type Program } from "./chip.ts";
import { convert, NoResult } from "./convert.ts";
import { dataError, hex, valueError } from "./errors.ts";
import { read, widthOf, write } from "./numbers.ts";
import type { ByteTest, CommandOptions, TransferOptions, ValueOptions } from "./options.ts";

export interface Wires {
  /** One transfer, when its turn has come. */
  transfer(bytes: Uint8Array): Promise<Buffer>;
  /** Waits while others have the bus. */
  wait(ms: number): Promise<void>;
}

/** One sample: all values of all transfers. Rejects with errors of the port, and `SPI_DATA`. */
export async function sample({ transfers }: Program, wires: Wires): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (const transfer of transfers) {
    if (transfer.waitMs) await wires.wait(transfer.waitMs);
    const came = await wires.transfer(bytesOf(transfer.send));
    const doubt = judge(transfer, came);
    for (const [quantity, value] of Object.entries(transfer.values ?? {})) {
      readings.push({ quantity, ...readingOf(value, came, doubt) });
    }
  }
  return readings;
}

/** Why the bytes are in doubt, if they are. Throws `SPI_DATA` when they can't be true. */
function judge(transfer: TransferOptions, came: Buffer): string | undefined {
  const { zeros = "fine", ones = "fine", expect = [] } = transfer;
  const heard = heardOf(transfer, came);
  let doubt: string | undefined;
  for (const [all, rule] of [
    [0x00, zeros],
    [0xff, ones],
  ] as const) {
    if (rule === "fine" || !heard.every((byte) => byte === all)) continue;
    const reason = `all bits are ${all & 1}, as where nothing answers`;
    if (rule === "failure") throw dataError(reason);
    doubt = reason;
  }
  for (const test of expect) if (!isMet(test, came)) throw dataError(unmet(test, came[test.at]!));
  return doubt;
}

/** From the first byte of a value to the last: what comes while a command goes is the line's rest. */
function heardOf({ values = {} }: TransferOptions, came: Buffer): Buffer {
  const all = Object.values(values);
  if (all.length === 0) return came;
  const ends = all.map(({ at, type, length }) => at + widthOf(type, length));
  return came.subarray(Math.min(...all.map(({ at }) => at)), Math.max(...ends));
}

function unmet({ at, mask = 0xff, equals = mask, reason }: ByteTest, byte: number): string {
  const said = `byte ${at} is ${hex(byte)}; of its bits ${hex(mask)} are to be ${hex(equals)}`;
  return reason === undefined ? said : `${reason}: ${said}`;
}

function readingOf(value: ValueOptions, came: Buffer, doubt: string | undefined): Omit<Reading, "quantity"> {
  const fault = value.faults?.find((test) => isMet(test, came));
  if (fault) return { value: null, quality: "bad", reason: fault.reason ?? unmetFault(fault) };
  const raw = read(came, value);
  try {
    const result = typeof raw === "number" ? convert(raw, value.convert) : raw;
    return doubt === undefined ? { value: result } : { value: result, quality: "uncertain", reason: doubt };
  } catch (error) {
    if (!(error instanceof NoResult)) throw error;
    return { value: null, quality: "bad", reason: error.message };
  }
}

function unmetFault({ at, mask = 0xff, equals = mask }: ByteTest): string {
  return `the bits ${hex(mask)} of byte ${at} are ${hex(equals)}`;
}

/** Sends a command; gives its value. Rejects with errors of the port, and `SPI_VALUE`. */
export async function command(options: CommandOptions, value: unknown, wires: Wires): Promise<unknown> {
  await wires.transfer(commandBytes(options, value));
  return value ?? null;
}

function commandBytes(options: CommandOptions, value: unknown): Buffer {
  const { send, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = options;
  if (!send.includes("{value}")) return bytesOf(send);
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw valueError(`${JSON.stringify(value)} is no number`);
  }
  if (value < min || value > max) throw valueError(`${value} is not within ${min} to ${max}`);
  return bytesOf(send.replaceAll("{value}", write(number(value, options), options).toString("hex")));
}

function number(value: number, { convert: steps }: CommandOptions): number {
  try {
    return Number(convert(value, steps));
  } catch (error) {
    if (error instanceof NoResult) throw valueError(error.message);
    throw error;
  }
}

/** The bytes of hexadecimal digits, with any space between them. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ""), "hex");
}
