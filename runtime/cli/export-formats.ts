/**
 * The formats of `umec outbox export`, each as pieces of text.
 *
 * | format | standard | a gap record is |
 * |---|---|---|
 * | `senml-json` | RFC 8428 section 5, names `<plugin>/<path>` | a record `<plugin>/_gap`, as at the hub |
 * | `csv` | RFC 4180, with a header line | a line with the name `_gap` |
 * | `ndjson` | one JSON object a line | an object with a `gap` |
 *
 * Times and values that are not known are empty in CSV and `null` in JSON. In SenML an unknown time is left out, and a
 * bad sample without a value is as the node stores it (../senml/quality.ts).
 */
import { qualityOf, recordValue } from "../senml/quality.ts";
import { reasonLabel } from "../senml/record.ts";
import type { StoredSample } from "./outbox-samples.ts";

export type ExportFormat = "senml-json" | "csv" | "ndjson";

type Samples = AsyncIterable<StoredSample>;

export const exportFormats: Record<ExportFormat, (samples: Samples) => AsyncIterable<string>> = {
  "senml-json": senmlJson,
  csv,
  ndjson,
};

async function* senmlJson(samples: Samples): AsyncGenerator<string> {
  let before = "[\n";
  for await (const { plugin, record, timeMs } of samples) {
    const { n, vd, ...rest } = record;
    const line = {
      n: `${plugin}/${n}`,
      ...(timeMs !== undefined && { t: Math.round(timeMs * 1000) / 1e6 }),
      ...rest,
      ...(vd && { vd: base64(vd) }),
    };
    yield `${before}${JSON.stringify(line)}`;
    before = ",\n";
  }
  yield before === "[\n" ? "[]\n" : "\n]\n";
}

async function* csv(samples: Samples): AsyncGenerator<string> {
  yield "time,estimated,plugin,lane,row,name,value,unit,sum,quality,reason\r\n";
  for await (const sample of samples) {
    const { plugin, lane, row, record } = sample;
    const { n, u = "", s = "", [reasonLabel]: reason = "" } = record;
    const cells = [
      timeText(sample) ?? "",
      sample.estimated,
      plugin,
      lane,
      row,
      n,
      valueText(sample) ?? "",
      u,
      s,
      qualityOf(record),
      reason,
    ];
    yield `${cells.map((cell) => quoted(String(cell))).join(",")}\r\n`;
  }
}

async function* ndjson(samples: Samples): AsyncGenerator<string> {
  for await (const sample of samples) {
    const { plugin, lane, row, record, estimated, gap } = sample;
    const { n: name, u: unit, s: sum, [reasonLabel]: reason } = record;
    const quality = qualityOf(record);
    const place = { time: timeText(sample) ?? null, ...(estimated && { estimated }), plugin, lane, row };
    const what = gap ? { gap } : { name, value: valueText(sample) ?? null, unit, sum, quality, reason };
    yield `${JSON.stringify({ ...place, ...what })}\n`;
  }
}

function timeText({ timeMs }: StoredSample): string | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs).toISOString();
}

function valueText({ record }: StoredSample): number | string | boolean | null {
  const value = recordValue(record);
  return value instanceof Uint8Array ? base64(value) : value;
}

/** RFC 8428 section 5.1: base64url without padding. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

/** RFC 4180 section 2. */
function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
