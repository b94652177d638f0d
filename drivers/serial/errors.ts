import { messageOf, UmecError } from "../../runtime/plugin/sdk.ts";

/** The port can't be opened, or is gone: another attempt may do. */
export function portError(message: string, cause: unknown, hint?: string): UmecError {
  return new UmecError("SERIAL_PORT", `${message}: ${messageOf(cause)}`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A frame that is whole but can't be read; the next one may be. */
export function frameError(reason: string): UmecError {
  return new UmecError("SERIAL_FRAME", reason);
}

/** A value that can't be written. */
export function valueError(reason: string): UmecError {
  return new UmecError("SERIAL_VALUE", reason);
}
