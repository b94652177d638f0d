import { isUmecError, UmecError } from "../../runtime/plugin/sdk.ts";
import type { Place, PortSettings } from "./hardware.ts";

export const nodeOf = ({ bus, chipSelect }: Place): string => `/dev/spidev${bus}.${chipSelect}`;

const codeOf = (cause: unknown): string => (cause as NodeJS.ErrnoException).code ?? "";

/** The device file can't be had. */
export function openError(cause: unknown, place: Place): UmecError {
  const node = nodeOf(place);
  const code = codeOf(cause);
  if (code === "EACCES" || code === "EPERM") {
    const hint = "put the user that runs the node into the group that owns it, as a rule spi";
    return new UmecError("SPI_FORBIDDEN", `${node} may not be opened (${code})`, { cause, hint });
  }
  const hint =
    "is the controller switched on in the device tree, with this chip select, and spidev its driver? See docs/drivers/spi.md";
  return new UmecError("SPI_NO_DEVICE", `${node} can't be opened (${code || String(cause)})`, {
    cause,
    hint,
  });
}

/** The controller does not take the settings. */
export function settingError(cause: unknown, place: Place, settings: PortSettings): UmecError {
  const { mode, bitsPerWord, lsbFirst, chipSelectHigh } = settings;
  const wanted = [
    `mode ${mode}`,
    `${bitsPerWord} bits per word`,
    ...(lsbFirst ? ["least significant bit first"] : []),
    ...(chipSelectHigh ? ["an active high chip select"] : []),
  ];
  const hint = "few controllers can send the least significant bit first or take all widths of words";
  return new UmecError(
    "SPI_SETTING",
    `the controller of ${nodeOf(place)} can't do ${wanted.join(", ")} (${codeOf(cause)})`,
    { cause, hint },
  );
}

/** The error of a transfer of `length` bytes, told from what the kernel said. */
export function transferError(cause: unknown, length: number): UmecError {
  const code = codeOf(cause);
  if (code === "ETIMEDOUT") {
    return new UmecError("SPI_TIMEOUT", "the transfer timed out: the controller hangs", { cause });
  }
  if (code === "EMSGSIZE") {
    const hint = "the most is the kernel's spidev.bufsiz, 4096 unless its command line says more";
    return new UmecError("SPI_TOO_LONG", `${length} bytes are too many for one transfer`, { cause, hint });
  }
  if (code === "ENODEV" || code === "ESHUTDOWN") {
    return new UmecError("SPI_NO_DEVICE", `the controller is gone (${code})`, { cause });
  }
  return new UmecError("SPI_FAULT", `the transfer failed (${code || String(cause)})`, { cause });
}

/** A transfer does not end. */
export function stuckError(timeoutMs: number): UmecError {
  return new UmecError("SPI_TIMEOUT", `the controller has not ended a transfer within ${timeoutMs} ms`);
}

/** What came can't be true. */
export function dataError(reason: string): UmecError {
  return new UmecError("SPI_DATA", reason);
}

/** A value that can't be sent. */
export function valueError(reason: string): UmecError {
  return new UmecError("SPI_VALUE", reason);
}

/** Whether no device at all can be had: to go on asking is no use. */
export function isBusError(error: UmecError): boolean {
  return isUmecError(error, "SPI_ADDON_MISSING");
}

/** A byte as datasheets write it: `0x9f`. */
export function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`;
}
