/**
 * Looks for serial ports in `/sys/class/tty`, and for the names that udev gives them. Nothing is opened: to open a port
 * moves its DTR line, which resets some boards.
 */
import type { DiscoverOptions, Found } from "../../runtime/plugin/sdk.ts";
import { listFromSysfs } from "./list-sysfs.ts";

export interface PortInfo {
  path: string;
  manufacturer?: string | undefined;
  serialNumber?: string | undefined;
  /** A path that stays when others are plugged in or out, below `/dev/serial/by-id` or `by-path`. */
  lasting?: string | undefined;
  vendorId?: string | undefined;
  productId?: string | undefined;
}

/** Makers of USB receivers whose only language that matters here is NMEA. */
const gnssVendors = new Map([["1546", "u-blox"]]);

export async function* discoverPorts({ signal }: Pick<DiscoverOptions, "signal">): AsyncIterable<Found> {
  for (const port of await listFromSysfs("/")) {
    signal.throwIfAborted();
    yield foundOf(port);
  }
}

/** What is known of a port; with a plugin where it is known what speaks there. */
export function foundOf(port: PortInfo): Found {
  const { path, lasting, manufacturer, serialNumber, vendorId, productId } = port;
  const ids = vendorId === undefined ? [] : [`${vendorId}:${productId ?? "?"}`];
  const details = [
    manufacturer,
    ...ids,
    serialNumber === undefined ? undefined : `serial number ${serialNumber}`,
    lasting,
  ];
  const known = details.filter((detail) => detail !== undefined);
  const summary = `${path}${known.length > 0 ? `: ${known.join(", ")}` : ""}`;
  const maker = gnssVendors.get((vendorId ?? "").toLowerCase());
  if (maker === undefined) return { summary };
  return {
    summary: `${summary} (GNSS receiver of ${maker})`,
    plugin: { name: "gnss", options: { path: lasting ?? path, framing: "nmea" } },
  };
}
