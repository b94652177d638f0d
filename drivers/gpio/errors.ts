import { UmecError } from "../../runtime/plugin/sdk.ts";

/** The kernel's name of what failed: `EBUSY`, or empty. */
export function errnoOf(cause: unknown): string {
  const { errno, code } = cause as { errno?: unknown; code?: unknown };
  if (typeof errno === "string") return errno;
  return typeof code === "string" ? code : "";
}

/** A chip's device file can't be opened. `group` owns it. */
export function openError(cause: unknown, path: string, group?: string): UmecError {
  const errno = errnoOf(cause);
  if (errno === "EACCES" || errno === "EPERM") {
    const hint = `put the user that runs the node into the group ${group ?? "that owns it, as a rule gpio"}`;
    return new UmecError("GPIO_FORBIDDEN", `${path} may not be opened (${errno})`, { cause, hint });
  }
  return new UmecError("GPIO_FAULT", `${path} can't be opened (${errno || String(cause)})`, { cause });
}

export function busyError(line: string, consumer: string, cause?: unknown): UmecError {
  const holder = consumer === "" ? "somebody whom the kernel does not name" : consumer;
  const hint =
    "end that program; a driver of the kernel has it by the device tree. gpioinfo shows who holds what";
  return new UmecError("GPIO_BUSY", `${line} is held by ${holder}`, { cause, hint });
}

/** What the kernel said to a request that it refused, other than that a line is taken. */
export function requestError(cause: unknown, lines: string, asked: string): UmecError {
  const errno = errnoOf(cause);
  if (errno === "EACCES" || errno === "EPERM") {
    return new UmecError("GPIO_FORBIDDEN", `${lines} may not be used (${errno})`, { cause });
  }
  if (["EINVAL", "ENOTSUPP", "EOPNOTSUPP", "ENXIO", "ENOTSUP", "EIO"].includes(errno)) {
    const hint = "leave out bias, drive or debounceMs, or take a line that has interrupts for edges";
    return new UmecError("GPIO_UNSUPPORTED", `${lines} can't be ${asked} (${errno})`, { cause, hint });
  }
  if (errno === "ENOTTY") {
    const hint = "it needs Linux 5.10 or newer; with an older one set backend: sysfs";
    return new UmecError("GPIO_UNSUPPORTED", "the kernel does not know version 2 of the GPIO interface", {
      cause,
      hint,
    });
  }
  return new UmecError("GPIO_FAULT", `${lines} can't be had (${errno || String(cause)})`, { cause });
}

/** A line that we hold could not be read or written. */
export function faultError(cause: unknown, what: string): UmecError {
  return new UmecError("GPIO_FAULT", `${what} failed (${errnoOf(cause) || String(cause)})`, { cause });
}

export function goneError(chip: string, cause?: unknown): UmecError {
  return new UmecError("GPIO_GONE", `the chip ${chip} is gone`, { cause });
}

export function noChipError(): UmecError {
  const hint = "is a driver for it in the kernel, and CONFIG_GPIO_CDEV (or CONFIG_GPIO_SYSFS)?";
  return new UmecError("GPIO_NO_CHIP", "the kernel shows no GPIO chip", { hint });
}

/** A command's value that can't be had. */
export function valueError(reason: string): UmecError {
  return new UmecError("GPIO_VALUE", reason);
}

/** The package that waits for edges has no machine code. */
export function addonError(name: string, reason: string): UmecError {
  const hint = "in a clone, build it with: make addons";
  // Behind the first line stand all the places that were searched.
  const [first] = reason.split(/[.:]?(?: Tried:)?\n/);
  return new UmecError("GPIO_ADDON_MISSING", `${name} can't be loaded: ${first}`, { hint });
}
