/** Commands: a template with the command's value in it goes over the line. */

import { Type } from "typebox";
import { type Point, UmecError } from "../../runtime/plugin/sdk.ts";
import { bytesOf } from "./byte-text.ts";
import { valueError } from "./errors.ts";
import type { CommandOptions } from "./options.ts";

/** What stands for the value. */
export const placeholder = "$value";
const defaultMaxLength = 64;

/** JSON Schema of the values that a command takes; `undefined` when it takes any and uses none. */
export function schemaOf({ type, minimum, maximum, values, maxLength }: CommandOptions): Point["schema"] {
  const bounds = {
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
  };
  if (type === "number") return Type.Number(bounds);
  if (type === "integer") return Type.Integer(bounds);
  if (type === "boolean") return Type.Boolean();
  if (type === undefined) return undefined;
  if (values) return Type.Unsafe<string>({ type: "string", enum: [...values] });
  return Type.String({ maxLength: maxLength ?? defaultMaxLength, pattern: "^[^\\u0000-\\u001f\\u007f]*$" });
}

/**
 * The bytes of a command. A text with control characters is refused: a line end in it would begin another command.
 * Throws `SERIAL_VALUE` for a value that the command does not take.
 */
export function encodeCommand(command: CommandOptions, value: unknown): Buffer {
  if (typeof command.send !== "string" || command.type === undefined) return bytesOf(command.send);
  // Not as a replacement pattern: "$&" in a value is two characters.
  return Buffer.from(command.send.replaceAll(placeholder, () => wordOf(command, value)));
}

function wordOf(
  { type, minimum, maximum, decimals, words, values, maxLength }: CommandOptions,
  value: unknown,
): string {
  if (type === "boolean") {
    if (typeof value !== "boolean") throw valueError(`${show(value)} is neither true nor false`);
    return value ? (words?.true ?? "1") : (words?.false ?? "0");
  }
  if (type === "text") {
    if (typeof value !== "string") throw valueError(`${show(value)} is no text`);
    if (values && !values.includes(value)) throw valueError(`${show(value)} is none of ${values.join(", ")}`);
    const most = maxLength ?? defaultMaxLength;
    if (value.length > most) throw valueError(`${value.length} characters, ${most} are allowed`);
    if (/\p{Cc}/u.test(value)) throw valueError(`${show(value)} has control characters`);
    return value;
  }
  if (typeof value !== "number" || !Number.isFinite(value)) throw valueError(`${show(value)} is no number`);
  if (type === "integer" && !Number.isInteger(value)) throw valueError(`${value} is no whole number`);
  if (minimum !== undefined && value < minimum) throw valueError(`${value} is less than ${minimum}`);
  if (maximum !== undefined && value > maximum) throw valueError(`${value} is more than ${maximum}`);
  return decimals === undefined ? plainDigits(value) : value.toFixed(decimals);
}

/** Devices do not know `1e-7`. */
function plainDigits(value: number): string {
  const text = String(value);
  if (!text.includes("e")) return text;
  if (Math.abs(value) >= 1) throw valueError(`${value} has too many digits`);
  return value.toFixed(20).replace(/0+$/, "");
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** The line is not there, so the command can't be done. */
export function offlineError(path: string): UmecError {
  return new UmecError("SERIAL_OFFLINE", `${path} is not open`, { hint: "the log says why" });
}
