import { UmecError } from "../../../runtime/errors.ts";

/** A value that the device can't have; code `DEVICE_VALUE`. */
export function valueError(message: string): UmecError {
  return new UmecError("DEVICE_VALUE", message);
}

/** What this board's emulation can't do; code `DEVICE_UNSUPPORTED`. */
export function unsupported(message: string, hint: string): UmecError {
  return new UmecError("DEVICE_UNSUPPORTED", message, { hint });
}

/** The board is not running, so there is nothing to ask; code `DEVICE_NO_POWER`. */
export function noPower(message: string): UmecError {
  return new UmecError("DEVICE_NO_POWER", message, { hint: "start the board first" });
}
