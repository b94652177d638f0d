/** What a request names, if who asks may have it. */

import { forbidden, notFound } from "../http/problem.ts";
import type { ApiRequest } from "../http/route.ts";
import { mayRead } from "../patterns.ts";
import type { ApiNode, ApiPlugin, Principal } from "../types.ts";
import { pointOfSegment, thingId } from "./name.ts";

/** Of a route with a scope there is one. */
export function principalOf({ principal }: ApiRequest): Principal {
  if (!principal) throw forbidden("nobody asks");
  return principal;
}

/** The plugin that the path's `thing` means: its name, or its thing's identifier. */
export function pluginOf(node: ApiNode, { params }: ApiRequest): ApiPlugin {
  const { thing = "" } = params;
  const found = node.plugins().find(({ name }) => name === thing || thingId(node.name, name) === thing);
  if (!found) throw notFound(`thing ${thing.slice(0, 100)}`);
  return found;
}

export interface NamedPoint {
  plugin: string;
  point: string;
}

/** The plugin and the point that the path means, whether there are such or not. */
export function namedPoint(node: ApiNode, { params }: ApiRequest): NamedPoint {
  const { thing = "", point = "" } = params;
  const byId = thing.startsWith("urn:")
    ? node.plugins().find(({ name }) => thingId(node.name, name) === thing)?.name
    : undefined;
  return { plugin: byId ?? thing, point: pointOfSegment(point) };
}

/** @throws Problem 403 */
export function checkReadable(principal: Principal, { plugin, point }: NamedPoint): void {
  if (mayRead(principal, plugin, point)) return;
  throw forbidden(`${principal.name} may not read ${plugin}/${point}`.slice(0, 300));
}
