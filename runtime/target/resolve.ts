/** From a valid file, with defaults filled in, to the resolved target. */
import { dirname, resolve } from "node:path";
import type { AlarmCondition, AlarmTarget, Severity } from "../alarms/types.ts";
import type { Level } from "../people/types.ts";
import type { ProcessTarget } from "../process/types.ts";
import { sshKeyOf } from "../ssh-key.ts";
import { listedPoints } from "./check-points.ts";
import { isRecord } from "./json.ts";
import { resolveApi, resolveApp } from "./resolve-api.ts";
import type { TargetFile } from "./schema.ts";
import { parseSize } from "./size.ts";
import type { ClockTrust, LinkTarget, LogLevel, PluginTarget, Target } from "./types.ts";

/** Where a hub listens for leaf nodes unless the URL says otherwise. */
const leafPort = 7422;
/**
 * What a plugin may send unless it says otherwise. Of a program, which nobody here knows, so much is read before it is cut
 * off for a flood, and the others feel it.
 */
const usualLimits = ({ exec }: { exec?: unknown }) =>
  exec ? { samplesPerS: 1000, bytesPerS: 2 ** 17 } : { samplesPerS: 20_000, bytesPerS: 2 ** 20 };

/** `options` are the plugins' options by plugin name, checked. */
export function resolveTarget(
  file: TargetFile,
  path: string,
  options: ReadonlyMap<string, Record<string, unknown>>,
): Target {
  const directory = dirname(resolve(path));
  const sealed = Object.entries(file.secrets!).filter(([, where]) => where !== "file");
  return {
    node: file.node,
    dataPath: resolve(directory, file.data!),
    log: { level: file.log!.level as LogLevel },
    ...(file.link && { link: resolveLink(file.link, directory) }),
    ...(sealed.length > 0 && { secrets: new Map(sealed) }),
    outbox: {
      quotaBytes: Number(file.outbox!.quotaBytes),
      commitMs: file.outbox!.commitMs!,
      commitBytes: Number(file.outbox!.commitBytes),
    },
    objects: {
      quotaBytes: Number(file.objects!.quotaBytes),
      bytesPerS: Number(file.objects!.bytesPerS),
    },
    update: {
      automatic: file.update!.automatic!,
      ...(file.update!.window !== undefined && { window: file.update!.window }),
      rateBytesPerS: Number(file.update!.rateBytesPerS),
    },
    gate: { deadlineS: file.update!.gate!.deadlineS!, offline: file.update!.gate!.offline! },
    clock: { trust: file.clock!.trust as ClockTrust },
    plugins: Object.entries(file.plugins!)
      .map(
        ([name, plugin]): PluginTarget => ({
          name,
          driver: plugin.driver ?? "exec",
          ...((plugin.exec || plugin.isolate) && { process: resolveProcess(plugin) }),
          required: plugin.required!,
          limits: {
            samplesPerS: plugin.limits!.samplesPerS ?? usualLimits(plugin).samplesPerS,
            bytesPerS: Number(plugin.limits!.bytesPerS ?? usualLimits(plugin).bytesPerS),
          },
          options: options.get(name) ?? {},
          ...(plugin.safe && Object.keys(plugin.safe).length > 0 && { safe: plugin.safe }),
        }),
      )
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    alarms: Object.entries(file.alarms!)
      .map(([name, alarm]) => resolveAlarm(name, alarm))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    users: Object.entries(file.users!)
      .map(([name, { level, ssh }]) => ({
        name,
        level: level as Level,
        keys: ssh!.map((line) => sshKeyOf(line)!).sort(),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    ...(file.api && { api: resolveApi(file.api, directory) }),
    apps: Object.entries(file.apps!)
      .map(([name, app]) => resolveApp(name, app, file.node))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function resolveProcess(plugin: NonNullable<TargetFile["plugins"]>[string]): ProcessTarget {
  const { exec, points, memoryBytes, cpuPercent, devices, deadlineMs } = plugin;
  return {
    ...(exec && { exec }),
    ...(points && { points: listedPoints(points) }),
    ...(memoryBytes !== undefined && { memoryBytes: Number(memoryBytes) }),
    ...(cpuPercent !== undefined && { cpuPercent }),
    ...(devices && { devices }),
    ...(deadlineMs !== undefined && { deadlineMs }),
  };
}

function resolveAlarm(name: string, alarm: NonNullable<TargetFile["alarms"]>[string]): AlarmTarget {
  const slash = alarm.point.indexOf("/");
  return {
    name,
    plugin: alarm.point.slice(0, slash),
    point: alarm.point.slice(slash + 1),
    condition: conditionOf(alarm),
    holdMs: alarm.holdMs!,
    clearHoldMs: alarm.clearHoldMs!,
    severity: alarm.severity as Severity,
  };
}

function conditionOf(alarm: NonNullable<TargetFile["alarms"]>[string]): AlarmCondition {
  const { above, below, equals, quality, hysteresis = 0 } = alarm;
  if (above !== undefined) return { kind: "above", limit: above, hysteresis };
  if (below !== undefined) return { kind: "below", limit: below, hysteresis };
  if (equals !== undefined) return { kind: "equals", value: equals };
  return { kind: "quality", quality: quality as "uncertain" | "bad" };
}

function resolveLink(link: NonNullable<TargetFile["link"]>, directory: string): LinkTarget {
  return {
    hubUrls: [link.hub].flat().map((url) => (/:\d+$/.test(url) ? url : `${url}:${leafPort}`)),
    ...(link.credentials !== undefined && { credentialsPath: resolve(directory, link.credentials) }),
    ...(link.ca !== undefined && { caPath: resolve(directory, link.ca) }),
    reconnectMs: link.reconnectMs!,
    frameBytes: Number(link.frameBytes),
    backlogBytesPerS: Number(link.backlogBytesPerS),
  };
}

/** The file's value with its sizes as numbers, so that one range check serves both notations. */
export function readSizes(file: unknown): unknown {
  if (!isRecord(file)) return file;
  const copy = { ...file };
  for (const key of ["link", "outbox", "objects"]) if (key in copy) copy[key] = sizesIn(copy[key]);
  if (isRecord(copy.plugins))
    copy.plugins = Object.fromEntries(
      Object.entries(copy.plugins).map(([name, plugin]) => [
        name,
        sizesIn(
          isRecord(plugin) && "limits" in plugin ? { ...plugin, limits: sizesIn(plugin.limits) } : plugin,
        ),
      ]),
    );
  return copy;
}

const sizeKeys = new Set([
  "frameBytes",
  "backlogBytesPerS",
  "quotaBytes",
  "commitBytes",
  "bytesPerS",
  "memoryBytes",
]);

function sizesIn(part: unknown): unknown {
  if (!isRecord(part)) return part;
  return Object.fromEntries(
    Object.entries(part).map(([key, value]) => [
      key,
      sizeKeys.has(key) && typeof value === "string" ? (parseSize(value) ?? value) : value,
    ]),
  );
}
