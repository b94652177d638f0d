import type { Line, Piece } from "./paint.ts";
import type { Sum } from "./tally.ts";
import { count, latency } from "./words.ts";

/** The sum as a table that explains itself. */
export function sumTable(sum: Sum): Line[] {
  const refused = sum.emitted - sum.durable;
  return [
    [["bold", "What became of every sample"]],
    [],
    fact("emitted", plain(sum.emitted), "handed over by the drivers"),
    fact("durable", plain(sum.durable), "on the node's disk before the driver was told so"),
    ...(refused === 0 ? [] : [fact("refused", bad(refused), "never taken, and the driver was told so")]),
    fact("stored at the hub", plain(sum.stored), "in its stream, read back and counted"),
    ...(sum.inGaps === 0
      ? []
      : [fact("in gap records", bad(sum.inGaps), "evicted for room, and the hub was told so")]),
    fact("lost", zero(sum.lost), "durable, but not at the hub"),
    fact("stored twice", zero(sum.twice), "there more often than emitted"),
    fact("out of order", zero(sum.outOfOrder), "behind a later one of its plugin and lane"),
    ...(sum.otherFaults === 0
      ? []
      : [fact("other faults", bad(sum.otherFaults), "headers or messages that are wrong")]),
    [],
    [
      ["bold", "From emit to hub".padEnd(19)],
      ["dim", `${"p50".padStart(9)}${"p99".padStart(10)}${"samples".padStart(11)}`],
    ],
    [],
    ...latencyLines(sum),
    [],
    verdict(sum),
  ];
}

function verdict(sum: Sum): Line {
  const lasted = `${(sum.outageMs / 1000).toFixed(1)} s`;
  const cuts = ["The link was not cut", `The link was cut for ${lasted}`];
  const cut = cuts[sum.outages] ?? `The link was cut ${sum.outages} times, for ${lasted} in all`;
  if (sum.ok) return [["green", "✓ "], `${cut}. Every durable sample is at the hub, once, in order.`];
  if (sum.stored === 0) return [["red", "✗ "], `${cut}. Nothing came to the hub.`];
  return [["red", "✗ "], `${cut}. The promise was not kept: see the red numbers.`];
}

function fact(label: string, value: Piece, meaning: string): Line {
  return ["  ", label.padEnd(17), value, ["dim", `   ${meaning}`]];
}

const numberWidth = 9;

function plain(value: number): Piece {
  return count(value).padStart(numberWidth);
}

function bad(value: number): Piece {
  return ["red", count(value).padStart(numberWidth)];
}

function zero(value: number): Piece {
  return value === 0 ? ["green", "0".padStart(numberWidth)] : bad(value);
}

function latencyLines({ outages, latencyMs: { before, during, after } }: Sum): Line[] {
  if (outages === 0) return [latencyLine("all the time", before, "")];
  const outage = outages === 1 ? "the outage" : "the outages";
  return [
    latencyLine("before the outage", before, ""),
    latencyLine("during", during, `under way in ${outage}: waited on disk`),
    latencyLine("after", after, ""),
  ];
}

function latencyLine(
  label: string,
  { p50, p99, samples }: Sum["latencyMs"]["before"],
  meaning: string,
): Line {
  return [
    "  ",
    label.padEnd(17),
    latency(p50).padStart(9),
    latency(p99).padStart(10),
    count(samples).padStart(11),
    ["dim", meaning === "" ? "" : `   ${meaning}`],
  ];
}
