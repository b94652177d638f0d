/**
 * A node of nothing but what a fixture says: for conformance suites and for the development of applications, without
 * hardware. Its points keep the value that they were given, and a command sets it; the node's own gate judges it.
 */
import Type, { type Static } from "typebox";
import { UmecError } from "../errors.ts";
import type { ApiNode, ApiPlugin, Reading } from "./types.ts";

const value = Type.Union([Type.Number(), Type.String(), Type.Boolean(), Type.Null()]);

const pointSchema = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    summary: Type.Optional(Type.String()),
    unit: Type.Optional(Type.String()),
    access: Type.Optional(
      Type.Union([Type.Literal("read"), Type.Literal("write"), Type.Literal("read-write")]),
    ),
    schema: Type.Optional(Type.Unsafe<object>({ type: "object" })),
    /** What it measures until a command sets it. */
    value: Type.Optional(value),
  },
  { additionalProperties: false },
);

export const fixturePluginsSchema = Type.Array(
  Type.Object(
    {
      name: Type.String({ pattern: "^[a-z0-9-]{1,63}$" }),
      driver: Type.Optional(Type.String()),
      summary: Type.Optional(Type.String()),
      points: Type.Array(pointSchema),
    },
    { additionalProperties: false },
  ),
);
export type FixturePlugins = Static<typeof fixturePluginsSchema>;

/** @param check judges a command by the plugin's points, as runtime/commands/gate.ts does */
export function createFixtureNode(
  name: string,
  fixture: FixturePlugins,
  check: (plugin: ApiPlugin, point: string, value: unknown) => Promise<void>,
): ApiNode {
  const latest = new Map<string, Reading>();
  const watchers = new Set<{
    plugin: string;
    point: string | undefined;
    listener: (reading: Reading) => void;
  }>();
  const set = (plugin: string, point: string, to: Reading["value"], unit: string | undefined): void => {
    const unitOf = unit === undefined ? {} : { unit };
    const reading: Reading = { plugin, point, value: to, ...unitOf, timeMs: Date.now(), quality: "good" };
    latest.set(`${plugin}/${point}`, reading);
    for (const watcher of watchers)
      if (watcher.plugin === plugin && (watcher.point ?? point) === point) watcher.listener(reading);
  };
  const plugins: ApiPlugin[] = fixture.map(({ driver = "fixture", summary = "", points, ...plugin }) => ({
    ...plugin,
    driver,
    summary,
    running: true,
    points: points.map(({ value: _, access = "read", ...point }) => ({ ...point, access })),
  }));
  for (const plugin of fixture)
    for (const point of plugin.points)
      if (point.value !== undefined) set(plugin.name, point.name, point.value, point.unit);
  return {
    name,
    plugins: () => plugins,
    onPlugins: () => () => {},
    latest: (plugin, point) => latest.get(`${plugin}/${point}`),
    seen: (plugin) =>
      [...latest.values()].filter((reading) => reading.plugin === plugin).map(({ point }) => point),
    watch(plugin, point, listener) {
      const watcher = { plugin, point, listener };
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    async command({ plugin: wanted, point, value: to }) {
      const plugin = plugins.find((one) => one.name === wanted);
      if (!plugin) throw new UmecError("COMMAND_UNREACHABLE", `nobody takes commands at ${name}/${wanted}`);
      await check(plugin, point, to);
      const simple =
        to === undefined || (typeof to === "object" && to !== null) ? null : (to as Reading["value"]);
      set(wanted, point, simple, plugin.points.find((one) => one.name === point)?.unit);
      return to;
    },
    clock: async () => ({ known: true, synchronized: false }),
  };
}
