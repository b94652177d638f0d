/** The node's points as devices, those that the asker may read or command. */

import { pathToTokens } from "../../subjects.ts";
import { mayRead, mayWrite } from "../patterns.ts";
import type { ApiNode, ApiPlugin, ApiPoint, Principal } from "../types.ts";
import { busTransportId } from "./own-platform.ts";
import type { DeviceRequest } from "./schema/device.ts";

/** `weather.station.temperature`: as the bus names it, so it needs no escape in a URL. */
export function ownDeviceId(plugin: string, point: string): string {
  return `${plugin}.${pathToTokens(point)}`;
}

export function ownDevices(node: ApiNode, principal: Principal): DeviceRequest[] {
  return node.plugins().flatMap((plugin) =>
    pointsOf(node, plugin)
      .filter((point) => isVisible(principal, plugin.name, point.name))
      .map((point) => deviceOf(node, plugin, point, principal)),
  );
}

/** Whether the name is one of the node's, and of which point; `undefined`: it is not. */
export function findOwn(node: ApiNode, id: string): { plugin: ApiPlugin; point: ApiPoint } | undefined {
  const name = id.split(".", 1)[0];
  const plugin = node.plugins().find((each) => each.name === name);
  const point = plugin && pointsOf(node, plugin).find((each) => ownDeviceId(plugin.name, each.name) === id);
  return plugin && point && { plugin, point };
}

export function isVisible(principal: Principal, plugin: string, point: string): boolean {
  return mayRead(principal, plugin, point) || mayWrite(principal, plugin, point);
}

/** As the manifest lists them, and those that were seen beside them. */
function pointsOf(node: ApiNode, plugin: ApiPlugin): ApiPoint[] {
  const points = new Map(plugin.points.map((point) => [point.name, point]));
  for (const name of node.seen(plugin.name))
    if (!points.has(name)) points.set(name, { name, access: "read" });
  return [...points.values()];
}

export function deviceOf(
  node: Pick<ApiNode, "name">,
  plugin: ApiPlugin,
  point: ApiPoint,
  principal: Principal,
): DeviceRequest {
  const deviceId = ownDeviceId(plugin.name, point.name);
  const tokens = pathToTokens(point.name);
  const topic = (kind: string): string => `umec.${node.name}.${plugin.name}.${kind}.${tokens}`;
  const reads = point.access !== "write" && mayRead(principal, plugin.name, point.name);
  const writes = point.access !== "read" && mayWrite(principal, plugin.name, point.name);
  const facts = {
    plugin: plugin.name,
    point: point.name,
    driver: plugin.driver,
    ...(point.summary !== undefined && { summary: point.summary }),
    ...(point.unit !== undefined && { unit: point.unit }),
    access: point.access,
    running: String(plugin.running),
    thing: `/things/${plugin.name}`,
    ...(reads && {
      property: `/things/${plugin.name}/properties/${tokens}`,
      uplinkTopic: topic("telemetry"),
      contentType: "application/senml+json",
    }),
    ...(writes && { action: `/things/${plugin.name}/actions/${tokens}` }),
  };
  return {
    // It is no device of a mobile network, and nobody else's.
    deviceAuthenticationInfo: "none",
    deviceMetadata: Object.entries(facts).map(([key, value]) => ({ key, value })),
    gpsi: `extid-${deviceId}@${node.name}`,
    deviceId,
    requestedIotPlatformId: node.name,
    requestedUserTransportId: busTransportId,
    ...(writes && { downlinkInfo: { downlinkTopic: topic("command") } }),
  };
}
