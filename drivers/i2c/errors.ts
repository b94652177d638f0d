import { isUmecError, UmecError } from "../../runtime/plugin/sdk.ts";

/** What errno means on an I2C bus: Linux, Documentation/i2c/fault-codes.rst. */
const meanings: Readonly<Record<string, [code: string, reason: string]>> = {
  ENXIO: ["I2C_NO_ANSWER", "nobody answered"],
  EREMOTEIO: ["I2C_NO_ANSWER", "nobody answered"],
  // Adapters that do not tell what went wrong: among them virtio's and bit-banged ones.
  EIO: ["I2C_NO_ANSWER", "the transfer failed, as a rule because nobody answered"],
  ENODEV: ["I2C_NO_ANSWER", "there is no such device"],
  ETIMEDOUT: ["I2C_TIMEOUT", "the transfer timed out: a device holds the clock or data line low"],
  EAGAIN: ["I2C_TIMEOUT", "the bus was taken by somebody else, or a line is held low"],
  EBUSY: ["I2C_TIMEOUT", "the bus is busy, or a line is held low"],
};

/** The error of a transfer with `address`, told from what the kernel said. */
export function transferError(cause: unknown, address: number): UmecError {
  const { code = "", syscall = "", path = "the adapter" } = cause as NodeJS.ErrnoException;
  if (syscall === "open") return openError(cause, path);
  if (syscall === "setAddr" && code === "EBUSY") {
    const hint = "read it through that driver (/sys/class/hwmon, /dev/rtc…), or unbind the driver";
    return new UmecError("I2C_CLAIMED", `a driver of the kernel has ${hex(address)}`, { cause, hint });
  }
  const meaning = meanings[code];
  if (meaning) return new UmecError(meaning[0], `${meaning[1]} (${code})`, { cause });
  return new UmecError("I2C_FAULT", `the transfer failed: ${String(cause)}`, { cause });
}

/** The adapter itself can't be had. */
export function openError(cause: unknown, path: string): UmecError {
  const { code = "" } = cause as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM") {
    const hint = "put the user that runs the node into the group that owns it, as a rule i2c";
    return new UmecError("I2C_FORBIDDEN", `${path} may not be opened (${code})`, { cause, hint });
  }
  const hint =
    "is the adapter switched on in the device tree, and CONFIG_I2C_CHARDEV (i2c-dev) in the kernel?";
  return new UmecError("I2C_NO_BUS", `${path} can't be opened (${code || String(cause)})`, { cause, hint });
}

/** A transfer does not end. */
export function stuckError(timeoutMs: number): UmecError {
  return new UmecError("I2C_TIMEOUT", `the adapter has not ended a transfer within ${timeoutMs} ms`, {
    hint: "a device holds the clock line low, or the adapter hangs: switch the device's power off and on",
  });
}

/** The device answered, and what it said can't be true. */
export function dataError(reason: string): UmecError {
  return new UmecError("I2C_DATA", reason);
}

/** A value that can't be written. */
export function valueError(reason: string): UmecError {
  return new UmecError("I2C_VALUE", reason);
}

/** Whether no device of the adapter can be had: to go on asking is no use. */
export function isBusError(error: UmecError): boolean {
  return ["I2C_NO_BUS", "I2C_FORBIDDEN", "I2C_ADDON_MISSING"].some((code) => isUmecError(error, code));
}

/** An address as datasheets write it: `0x48`. */
export function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`;
}
