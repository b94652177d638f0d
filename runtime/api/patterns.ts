/**
 * What a principal may read and command, as patterns of `plugin/point`.
 *
 * A pattern is a path. `*` stands for one segment, `**` at the end for one or more: `weather/**` is all of the plugin
 * weather, `**` is all, `lamp/dimmer/*-level` is no pattern (the `*` is not a whole segment) and fits nothing but
 * itself. A name is never matched by a part of it.
 */
import { pathToTokens } from "../subjects.ts";
import type { BusGrant, Principal, Scope } from "./types.ts";

/** Whether `path`, `plugin/point`, is one of those that the pattern means. */
export function fitsPattern(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  for (const [index, segment] of wanted.entries()) {
    if (segment === "**" && index === wanted.length - 1) return given.length > index;
    if (index >= given.length) return false;
    if (segment !== "*" && segment !== given[index]) return false;
  }
  return given.length === wanted.length;
}

export function mayRead({ read }: Pick<Principal, "read">, plugin: string, point: string): boolean {
  return read.some((pattern) => fitsPattern(pattern, `${plugin}/${point}`));
}

export function mayWrite({ write }: Pick<Principal, "write">, plugin: string, point: string): boolean {
  return write.some((pattern) => fitsPattern(pattern, `${plugin}/${point}`));
}

/**
 * The pattern as a subject of the bus: `weather/**` → `umec.lamp-0042.weather.telemetry.>`. `undefined` for one that
 * can fit no point.
 */
export function patternSubject(
  pattern: string,
  node: string,
  kind: "telemetry" | "command",
): string | undefined {
  if (pattern === "**") return `umec.${node}.*.${kind}.>`;
  const [plugin, ...point] = pattern.split("/");
  if (!plugin || plugin === "**" || point.length === 0) return undefined;
  if (point.slice(0, -1).includes("**") || point.includes("")) return undefined;
  const tokens = pathToTokens(point.join("/")).replace(/(^|\.)\*\*$/, "$1>");
  return `umec.${node}.${plugin}.${kind}.${tokens}`;
}

/**
 * What the patterns mean on the bus: the same points as over HTTP, and with the same scopes.
 */
export function thingSubjects(
  node: string,
  who: { scopes: Iterable<Scope>; read: readonly string[]; write: readonly string[] },
): BusGrant {
  const scopes = new Set(who.scopes);
  const subjects = (patterns: readonly string[], kind: "telemetry" | "command") =>
    patterns.flatMap((pattern) => patternSubject(pattern, node, kind) ?? []);
  return {
    publish: scopes.has("things_write") ? subjects(who.write, "command") : [],
    subscribe: scopes.has("things_read") ? subjects(who.read, "telemetry") : [],
  };
}
