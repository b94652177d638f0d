import type { DiskTarget, FileTarget } from "../flash/target.ts";
import { formatFacts, formatTable } from "./table.ts";
import { formatBytes } from "./units.ts";

/** What somebody should see before it is overwritten. */
export function describeTarget(target: DiskTarget | FileTarget): string {
  if (target.kind === "file") return `${target.path}  a file of ${formatBytes(target.bytes ?? 0)}\n`;
  const { path, model = "-", serial = "-", bytes, removable, partitions } = target;
  const facts = formatFacts([
    ["disk", path],
    ["model", model],
    ["serial", serial],
    ["size", `${formatBytes(bytes)} (${(bytes / 1e9).toFixed(1)} GB)${removable ? ", removable" : ""}`],
    ["partitions", partitions.length === 0 ? "none" : String(partitions.length)],
  ]);
  const rows = partitions.map((part) => [`  ${part.name}`, part.label ?? "-", formatBytes(part.bytes)]);
  const columns = [{ title: "" }, { title: "" }, { title: "", align: "right" as const }];
  const table = rows.length === 0 ? [] : formatTable(columns, rows).slice(1);
  return `${[...facts, ...table].join("\n")}\n`;
}
