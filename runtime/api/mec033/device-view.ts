/** A device as one principal sees it. */
import type { Principal } from "../types.ts";
import { type Entry, isOwn } from "./registry.ts";
import type { DeviceInfo, DeviceRequest } from "./schema/device.ts";
import type { IotPlatformInfo } from "./schema/platform.ts";

/**
 * Whether a valid traffic rule goes with the device (section 6.2.2, notes 2 and 3): a rule of its own, or a platform that
 * is there and enabled and has the transport that it wants; or one only, if it wants none.
 *
 * Asked for when somebody looks, so it is never stale.
 */
export function isEnabled(
  device: DeviceRequest,
  platform: (id: string) => Pick<IotPlatformInfo, "enabled" | "userTransportInfo"> | undefined,
): boolean {
  if ((device.requestedMecTrafficRule?.length ?? 0) > 0) return true;
  const wanted = device.requestedIotPlatformId;
  const found = wanted === undefined ? undefined : platform(wanted);
  if (!found?.enabled) return false;
  const transports = found.userTransportInfo;
  const { requestedUserTransportId: id } = device;
  return id === undefined ? transports.length === 1 : transports.some((transport) => transport.id === id);
}

/** Note 1: these are not disclosed but to who told them. */
const secret = ["pei", "supi", "imei", "imsi", "clientCertificate"] as const;

export function viewOf(principal: Principal, entry: Entry<DeviceRequest>, enabled: boolean): DeviceInfo {
  const info: DeviceInfo = { ...entry.info, enabled };
  if (isOwn(principal, entry)) return info;
  for (const name of secret) delete info[name];
  // The schema demands one.
  info.deviceAuthenticationInfo = "";
  return info;
}
