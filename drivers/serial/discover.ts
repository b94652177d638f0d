/**
 * Looks for serial ports in `/sys/class/tty`, and asks udev, where there is one, by the package's list for more of them.
 * Nothing is opened: to open a port moves its DTR line, which resets some boards.
 */
import type { DiscoverOptions, Found } from "../../runtime/plugin/sdk.ts";
import { listFromSysfs } from "./list-sysfs.ts";

export interface PortInfo {
  path: string;
  manufacturer?: string | undefined;
  serialNumber?: string | undefined;
  /** The name below `/dev/serial/by-id`. */
  pnpId?: string | undefined;
  vendorId?: string | undefined;
  productId?: string | undefined;
}

/** Makers of USB receivers whose only language that matters here is NMEA. */
const gnssVendors = new Map([["1546", "u-blox"]]);

export async function* discoverPorts({ signal, log }: DiscoverOptions): AsyncIterable<Found> {
  let ports: PortInfo[] = await listFromSysfs("/");
  try {
    const { SerialPort } = (await import("serialport")).default;
    // It leaves ports out whose names it does not know, and tells some of a PC that are not there.
    const list = await SerialPort.list();
    ports = ports.map((port) => ({ ...port, ...list.find(({ path }) => path === port.path) }));
  } catch (error) {
    log.debug("udev tells nothing of the serial ports", { error });
  }
  signal.throwIfAborted();
  for (const port of ports) yield foundOf(port);
}

/** What is known of a port; with a plugin where it is known what speaks there. */
export function foundOf(port: PortInfo): Found {
  const { path, manufacturer, serialNumber, pnpId, vendorId, productId } = port;
  const ids = vendorId === undefined ? [] : [`${vendorId}:${productId ?? "?"}`];
  const details = [
    manufacturer,
    ...ids,
    serialNumber === undefined ? undefined : `serial number ${serialNumber}`,
  ];
  const known = details.filter((detail) => detail !== undefined);
  const summary = `${path}${known.length > 0 ? `: ${known.join(", ")}` : ""}`;
  const maker = gnssVendors.get((vendorId ?? "").toLowerCase());
  if (maker === undefined) return { summary };
  const stable = pnpId === undefined ? path : `/dev/serial/by-id/${pnpId}`;
  return {
    summary: `${summary} (GNSS receiver of ${maker})`,
    plugin: { name: "gnss", options: { path: stable, framing: "nmea" } },
  };
}
