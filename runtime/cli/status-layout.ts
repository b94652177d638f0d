/** A node's status for people. */
import type { PluginStatus } from "../plugin/status.ts";
import type { NodeStatus } from "../status.ts";
import { formatFacts, formatTable } from "./table.ts";
import { formatFindings } from "./target-file.ts";
import { formatBytes, formatCount, formatDuration, plural } from "./units.ts";

/** The status, and the Unix time in milliseconds at which it was asked for. */
export interface Look {
  status: NodeStatus;
  atMs: number;
}

/** Rates are those since the look `before`, or, without one, since the node was started. */
export function formatStatus(now: Look, before?: Look): string {
  const { status, atMs } = now;
  const { target, plugins } = status;
  const { fault } = status.identity;
  const since = (ms: number) => `for ${formatDuration(atMs - ms)}`;
  const facts: [string, string][] = [
    [
      "node",
      `${status.node}, umec ${status.version}, pid ${status.pid}, ` +
        `up ${formatDuration(atMs - Date.parse(status.startedAt))}, ${formatBytes(status.memoryBytes)} resident`,
    ],
    ["target", `${target.state}, ${target.path}`],
    ...healthTexts(status.health).map((text): [string, string] => ["health", text]),
    ...updateTexts(status.update).map((text): [string, string] => ["update", text]),
    ...(fault ? [["identity", `${fault.code}: ${fault.message}`] as [string, string]] : []),
    ["clock", `${status.clock.known ? "known" : "not known yet"} (trust: ${status.clock.trust})`],
    ["link", linkText(status.link, since)],
    ...enrolmentTexts(status.enrolment, since).map((text): [string, string] => ["enrolment", text]),
    ["outbox", outboxText(status.outbox)],
    ...waitingTexts(status.outbox).map((text): [string, string] => ["", text]),
    ...objectsTexts(status.objects).map((text): [string, string] => ["objects", text]),
    ...apiTexts(status.api).map((text, index): [string, string] => [index === 0 ? "api" : "", text]),
    ["bus", `${status.bus.url}, ${formatBytes(status.bus.memoryBytes)} resident`],
  ];
  const lines = formatFacts(facts);
  if (plugins.length > 0) lines.push("", ...pluginLines(now, before));
  for (const plugin of plugins) lines.push(...pluginDetails(plugin, atMs));
  if (status.alarms.length > 0) lines.push("", ...alarmLines(now));
  if (target.failures.length > 0)
    lines.push("", "failures:", ...target.failures.map((failure) => `  ${failure}`));
  const findings = target.findings.length > 0 ? `\nfindings:\n${formatFindings(target.findings)}` : "";
  return `${lines.join("\n")}\n${findings}`;
}

/** Whether this system would be kept, if it were new. */
function healthTexts(health: NodeStatus["health"]): string[] {
  if (!health) return [];
  const { ok, waitingFor, failed } = health;
  if (ok) return ["good"];
  const parts = [
    ...(waitingFor.length > 0 ? [`waiting for ${waitingFor.join(", ")}`] : []),
    ...(failed.length > 0 ? [`${plural(failed.length, "failure")}, see below`] : []),
  ];
  return [parts.join("; ")];
}

/** Nothing where no update is under way. */
function updateTexts(update: NodeStatus["update"]): string[] {
  if (!update) return [];
  const { id, phase, to, percent, reason } = update;
  const part = percent === undefined ? "" : `, ${Math.floor(percent)} %`;
  return [
    `${phase}${to === undefined ? "" : ` ${to}`}${part} (${id})${reason === undefined ? "" : `: ${reason}`}`,
  ];
}

/** Nothing of a node that has none. */
function apiTexts(api: NodeStatus["api"]): string[] {
  if (!api) return [];
  const { url, busUrls, apps, streams, busConnections, certificateSha256 } = api;
  const bus = busUrls.length === 0 ? [] : [`${busUrls.join(" ")}, ${plural(busConnections, "connection")}`];
  return [
    `${url}, ${plural(apps, "application")}, ${plural(streams, "stream")}`,
    ...bus,
    `certificate ${certificateSha256}`,
  ];
}

function linkText(link: NodeStatus["link"], since: (ms: number) => string): string {
  if (link.state === "off")
    return `off: ${link.reason ?? "the target state names no hub"}, all samples stay here`;
  const parts = [`${link.state} ${since(link.sinceMs)}${link.reason ? ` (${link.reason})` : ""}`];
  if (link.rttMs !== undefined) parts.push(`round trip ${formatCount(link.rttMs)} ms`);
  if (link.ackMs)
    parts.push(`stored in ${formatCount(link.ackMs.p50)} ms (p99 ${formatCount(link.ackMs.p99)} ms)`);
  parts.push(`sent ${plural(link.sentSamples, "sample")} in ${plural(link.sentFrames, "frame")}`);
  parts.push(formatBytes(link.sentBytes));
  if (link.backlog) parts.push("an outage's backlog is on its way");
  if (link.bounces > 0) parts.push(`cut ${plural(link.bounces, "time")} while it carried nothing`);
  if (link.foreignFrames > 0)
    parts.push(`${plural(link.foreignFrames, "message")} of ANOTHER NODE OF THIS NAME at the hub`);
  return parts.join(", ");
}

/** Nothing of a node that has enrolled and is in order. */
function enrolmentTexts(enrolment: NodeStatus["enrolment"], since: (ms: number) => string): string[] {
  if (!enrolment || (enrolment.state === "enrolled" && enrolment.reason === undefined)) return [];
  const { state, sinceMs, reason } = enrolment;
  const shown = state === "refused" || state === "expired" ? state.toUpperCase() : state;
  return [`${shown} ${since(sinceMs)}${reason === undefined ? "" : `: ${reason}`}`];
}

function outboxText(outbox: NodeStatus["outbox"]): string {
  const parts = [
    `${plural(outbox.waitingSamples, "sample")} waiting in ${plural(outbox.waitingRows, "row")}`,
    `${formatBytes(outbox.usedBytes)} of ${formatBytes(outbox.quotaBytes)} used`,
  ];
  if (outbox.payloadBytes > 0)
    parts.push(`${(outbox.writtenBytes / outbox.payloadBytes).toFixed(1)} bytes written for each byte`);
  if (outbox.diskFull) parts.push("THE DISK IS FULL");
  if (outbox.evictedSamples > 0) parts.push(`${plural(outbox.evictedSamples, "sample")} evicted for room`);
  if (outbox.refusedRows > 0) parts.push(`${plural(outbox.refusedRows, "row")} refused`);
  if (outbox.lastSalvage)
    parts.push(`salvaged ${plural(outbox.salvages, "time")} (${outbox.lastSalvage.reason})`);
  return parts.join(", ");
}

function waitingTexts({ chains }: NodeStatus["outbox"]): string[] {
  return chains
    .filter(({ waitingRows }) => waitingRows > 0)
    .map(({ plugin, lane, waitingSamples }) => `${plugin} ${lane}: ${plural(waitingSamples, "sample")}`);
}

/** Nothing of a node that has never kept an object. */
function objectsTexts(objects: NodeStatus["objects"]): string[] {
  const { waiting, usedBytes, quotaBytes, stored, sent, sentBytes, lost, upload } = objects;
  if (waiting + stored + sent + lost === 0) return [];
  const parts = [
    `${plural(waiting, "object")} waiting`,
    `${formatBytes(usedBytes)} of ${formatBytes(quotaBytes)} used`,
    `sent ${formatCount(sent)}, ${formatBytes(sentBytes)}`,
  ];
  if (lost > 0) parts.push(`${plural(lost, "object")} LOST`);
  if (waiting > 0 || upload.reason !== undefined)
    parts.push(`upload ${upload.state}${upload.reason === undefined ? "" : ` (${upload.reason})`}`);
  return [parts.join(", ")];
}

function processTexts({ process, restarts }: PluginStatus): string[] {
  if (!process) return [];
  const { pid, limits = {}, warnings } = process;
  const { memoryBytes, cpuPercent, devices } = limits;
  const parts = [`process ${pid}`];
  if (memoryBytes !== undefined) parts.push(`at most ${formatBytes(memoryBytes)}`);
  if (cpuPercent !== undefined) parts.push(`${cpuPercent} % of a processor`);
  if (devices) parts.push(devices.length === 0 ? "no devices" : devices.join(" "));
  if (restarts > 0) parts.push(plural(restarts, "restart"));
  return [parts.join(", "), ...warnings];
}

function pluginLines({ status, atMs }: Look, before?: Look): string[] {
  const columns = [
    { title: "PLUGIN" },
    { title: "DRIVER" },
    { title: "STATE" },
    { title: "STORED", align: "right" },
    { title: "PER S", align: "right" },
    { title: "REFUSED", align: "right" },
    { title: "RESTARTS", align: "right" },
    { title: "LAST SAMPLE" },
  ] as const;
  const sinceMs = before?.atMs ?? Date.parse(status.startedAt);
  const rows = status.plugins.map((plugin) => {
    const old = before?.status.plugins.find(({ name }) => name === plugin.name)?.stored ?? 0;
    const perS = (Math.max(0, plugin.stored - old) * 1000) / Math.max(1, atMs - sinceMs);
    return [
      plugin.required ? plugin.name : `${plugin.name} (optional)`,
      plugin.driver,
      plugin.state,
      formatCount(plugin.stored),
      formatCount(perS),
      formatCount(plugin.refused),
      formatCount(plugin.restarts),
      plugin.lastSampleMs === undefined ? "never" : `${formatDuration(atMs - plugin.lastSampleMs)} ago`,
    ];
  });
  return formatTable(columns, rows);
}

function alarmLines({ status, atMs }: Look): string[] {
  const columns = [
    { title: "ALARM" },
    { title: "SEVERITY" },
    { title: "STATE" },
    { title: "FOR" },
    { title: "POINT" },
    { title: "VALUE" },
  ] as const;
  const rows = status.alarms.map(({ name, severity, state, sinceMs, point, value, quality }) => [
    name,
    severity,
    state === "raised" ? "RAISED" : state,
    sinceMs === undefined ? "" : formatDuration(atMs - sinceMs),
    point,
    `${value === undefined ? "" : shownValue(value)}${quality === undefined || quality === "good" ? "" : ` (${quality})`}`,
  ]);
  return formatTable(columns, rows);
}

function shownValue(value: number | string | boolean | null): string {
  if (value === null) return "no value";
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

function faultOf({ lastFaults = {} }: PluginStatus, name: string): string {
  return Object.hasOwn(lastFaults, name) ? ` (${lastFaults[name]})` : "";
}

/** What was refused it, and that it was cut off. */
function limitTexts({ limits }: PluginStatus, atMs: number): string[] {
  if (!limits) return [];
  const refused = Object.entries(limits.refused).map(([code, count]) => `${code} ${formatCount(count)}`);
  const { cutOffs, lastCutOff } = limits;
  const texts = refused.length > 0 ? [`  refused: ${refused.join(", ")}`] : [];
  if (!lastCutOff) return texts;
  const last = `${formatDuration(atMs - lastCutOff.atMs)} ago: ${lastCutOff.reason}`;
  return [...texts, `  CUT OFF ${plural(cutOffs, "time")} for flooding, last ${last}`];
}

function pluginDetails(plugin: PluginStatus, atMs: number): string[] {
  const values = Object.entries(plugin.lastValues).map(
    ([name, value]) => `  ${name} = ${shownValue(value)}${faultOf(plugin, name)}`,
  );
  const { lastError, nextStartMs } = plugin;
  const failed = plugin.state === "waiting" && nextStartMs !== undefined;
  const next = failed ? `; starts again in ${formatDuration(nextStartMs - atMs)}` : "";
  const error = lastError
    ? [`  ended ${formatDuration(atMs - lastError.atMs)} ago: ${lastError.code}: ${lastError.message}${next}`]
    : [];
  const details = [
    ...processTexts(plugin).map((text) => `  ${text}`),
    ...error,
    ...limitTexts(plugin, atMs),
    ...values,
  ];
  return details.length > 0 ? ["", `${plugin.name}:`, ...details] : [];
}
