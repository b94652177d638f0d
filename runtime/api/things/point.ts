/** A plugin's points as one principal may use them. */
import { mayRead, mayWrite } from "../patterns.ts";
import type { ApiNode, ApiPlugin, ApiPoint, Principal } from "../types.ts";

export interface ThingPoint {
  name: string;
  summary?: string;
  unit?: string;
  /** JSON Schema of the values that a command may have. */
  schema?: object;
  /** It has readings, and they may be read. */
  readable: boolean;
  /** It takes commands, and they may be given. */
  writable: boolean;
  /** A command without a value answers with a picture's bytes, and that may be read. */
  picture: boolean;
}

/**
 * Those that the manifest lists, and those that were seen beside them. Left out is what may neither be read nor
 * commanded.
 */
export function thingPoints(
  node: Pick<ApiNode, "seen">,
  plugin: ApiPlugin,
  principal: Principal,
): ThingPoint[] {
  const listed = new Map<string, ApiPoint>();
  for (const point of plugin.points) {
    const other = listed.get(point.name);
    listed.set(point.name, other ? merged(other, point) : point);
  }
  for (const name of node.seen(plugin.name)) {
    if (!listed.has(name)) listed.set(name, { name, access: "read" });
  }
  const points: ThingPoint[] = [];
  for (const point of listed.values()) {
    const may = mayRead(principal, plugin.name, point.name);
    const readable = may && point.access !== "write";
    const picture = may && isPicture(point);
    const writable =
      point.access !== "read" &&
      principal.scopes.has("things_write") &&
      mayWrite(principal, plugin.name, point.name);
    if (!readable && !picture && !writable) continue;
    const { name, summary, unit, schema } = point;
    points.push({
      name,
      ...(summary !== undefined && { summary }),
      ...(unit !== undefined && { unit }),
      ...(schema !== undefined && { schema }),
      readable,
      writable,
      picture,
    });
  }
  return points;
}

/** One name can be listed twice: once to be read, once to be commanded. */
function merged(one: ApiPoint, other: ApiPoint): ApiPoint {
  const access = one.access === other.access ? one.access : "read-write";
  return { ...one, ...other, access };
}

/** By convention: `frame`, alone or at the end of a path, is a camera's newest picture. */
export function isPicture({ name, access }: Pick<ApiPoint, "name" | "access">): boolean {
  return access === "write" && (name === "frame" || name.endsWith("/frame"));
}
