/** The API's view of a node, in memory: for tests of what stands on it. Commands pass the node's own gate. */
import { makeGate } from "../commands/gate.ts";
import { UmecError } from "../errors.ts";
import type { Point } from "../plugin/contract.ts";
import type { ApiCommand, ApiNode, ApiPlugin, ClockQuality, Reading } from "./types.ts";

export interface TestApiNode extends ApiNode {
  /** As if the plugin had emitted it, and it was on disk. */
  emit(reading: Pick<Reading, "plugin" | "point" | "value"> & Partial<Reading>): void;
  /** Other plugins from now on; tells the listeners. */
  setPlugins(plugins: readonly ApiPlugin[]): void;
  /** Does the commands that the gate lets through. Until one is given a command is answered with its value. */
  onCommand(handler: (command: ApiCommand) => unknown): void;
  setClock(clock: ClockQuality): void;
  /** The commands that were done, oldest first. */
  readonly commands: readonly ApiCommand[];
  /** How many `watch` now. */
  readonly watchers: number;
}

interface Watch {
  plugin: string;
  point: string | undefined;
  listener: (reading: Reading) => void;
}

export interface TestApiNodeOptions {
  /** @default "lamp-0042" */
  name?: string;
  /** @default {@link testPlugins} */
  plugins?: readonly ApiPlugin[];
}

export function createTestApiNode({
  name = "lamp-0042",
  plugins: given = testPlugins,
}: TestApiNodeOptions = {}): TestApiNode {
  let plugins = given;
  let clock: ClockQuality = { known: true, synchronized: true, estimatedErrorMs: 2 };
  let handler: (command: ApiCommand) => unknown = ({ value }) => value;
  const listeners = new Set<() => void>();
  const watches = new Set<Watch>();
  const latest = new Map<string, Map<string, Reading>>();
  const commands: ApiCommand[] = [];

  return {
    name,
    commands,
    get watchers() {
      return watches.size;
    },
    plugins: () => plugins,
    onPlugins(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    latest: (plugin, point) => latest.get(plugin)?.get(point),
    seen: (plugin) => [...(latest.get(plugin)?.keys() ?? [])],
    watch(plugin, point, listener) {
      const watch: Watch = { plugin, point, listener };
      watches.add(watch);
      return () => watches.delete(watch);
    },
    async command(command) {
      const plugin = plugins.find((each) => each.name === command.plugin);
      if (!plugin?.running)
        throw new UmecError("COMMAND_UNREACHABLE", `nobody takes commands at ${name}/${command.plugin}`);
      await makeGate(plugin.points as readonly Point[]).check(command.point, command.value, []);
      const result = await handler(command);
      commands.push(command);
      return result;
    },
    clock: async () => clock,
    emit(partial) {
      const reading: Reading = { quality: "good", ...partial };
      const { plugin, point } = reading;
      if (!latest.has(plugin)) latest.set(plugin, new Map());
      latest.get(plugin)!.set(point, reading);
      for (const watch of watches) {
        if (watch.plugin === plugin && (watch.point ?? point) === point) watch.listener(reading);
      }
    },
    setPlugins(next) {
      plugins = next;
      for (const listener of listeners) listener();
    },
    onCommand(next) {
      handler = next;
    },
    setClock(next) {
      clock = next;
    },
  };
}

/** A weather station, a lamp and a camera. */
export const testPlugins: readonly ApiPlugin[] = [
  {
    name: "weather",
    driver: "http",
    summary: "Values of a web API.",
    running: true,
    points: [
      { name: "station/temperature", summary: "Air, 2 m above ground", unit: "Cel", access: "read" },
      { name: "station/wind", unit: "m/s", access: "read" },
    ],
  },
  {
    name: "lamp",
    driver: "modbus",
    summary: "Registers of a Modbus device.",
    running: true,
    points: [
      {
        name: "dimmer/level",
        summary: "Brightness",
        unit: "%",
        access: "read-write",
        schema: { type: "number", minimum: 0, maximum: 100 },
      },
      { name: "dimmer/reset", summary: "Starts it anew", access: "write", schema: { type: "null" } },
      { name: "dimmer/power", unit: "W", access: "read" },
    ],
  },
  {
    name: "camera",
    driver: "v4l2",
    summary: "Stills, live frames and motion of a camera.",
    running: true,
    points: [
      { name: "camera/online", summary: "Whether the camera is there", access: "read" },
      { name: "camera/still", summary: "Makes a still; the last one's object", access: "read-write" },
      { name: "camera/frame", summary: "The newest frame's bytes", access: "write" },
    ],
  },
];
