import { hash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { zstdCompressSync } from "node:zlib";
import { createCutter } from "../runtime/ota/chunker.ts";
import { findTrees } from "../runtime/ota/find-trees.ts";
import { readManifest } from "../runtime/ota/raucb.ts";
import { mb } from "./kit/figures.ts";
import type { TableRow } from "./kit/report.ts";
import type { BenchBundle } from "./ota-bundles.ts";

const entryBytes = 19;

type Cut = (bytes: Uint8Array, start: number, end: number) => number;

const kinds: readonly (readonly [name: string, cut: Cut])[] = [
  ...[4, 8, 16, 32, 64].map((kib) => {
    const averageBytes = kib * 1024;
    const sizes = { averageBytes, minBytes: averageBytes / 4, maxBytes: averageBytes * 4 };
    return [`by content, ${kib} KiB`, createCutter(sizes)] as const;
  }),
  ...[4, 64].map((kib) => {
    const cut: Cut = (_, start, end) => Math.min(kib * 1024, end - start);
    return [`blocks of ${kib} KiB`, cut] as const;
  }),
];

/** What each way to cut would have the node ask for, index included, with hash trees carried and computed. */
export async function compareCuts([first, ...next]: readonly BenchBundle[]): Promise<TableRow[]> {
  const slots = await Promise.all(first!.slots.map((path) => readFile(path)));
  const rows: TableRow[] = [];
  for (const { what, path } of next) {
    const bytes = await readFile(path);
    await using file = await open(path, "r");
    const trees = await findTrees(file, await readManifest(path), new AbortController().signal);
    for (const [kind, cut] of kinds) {
      const known = new Set(slots.flatMap((slot) => pieces(slot, 0, slot.length, cut).map(nameOf)));
      const ranges = trees.map(({ at, bytes: length }) => [at, at + length] as const);
      const carried = cost(bytes, [[0, bytes.length]], cut, known);
      const computed = cost(bytes, between(ranges, bytes.length), cut, known);
      rows.push({
        changed: what,
        cut: kind,
        chunks: computed.all,
        "asked for": computed.asked,
        "index kB": Math.round((computed.all * entryBytes) / 1000),
        "MB in all": mb(computed.bytes),
        "trees carried": mb(carried.bytes),
      });
    }
  }
  return rows;
}

function between(holes: readonly (readonly [number, number])[], end: number): [number, number][] {
  const starts = [0, ...holes.map(([, to]) => to)];
  return starts.map((start, i) => [start, holes[i]?.[0] ?? end]);
}

function pieces(bytes: Uint8Array, start: number, end: number, cut: Cut): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = start; at < end; ) {
    const length = cut(bytes, at, end);
    found.push(bytes.subarray(at, at + length));
    at += length;
  }
  return found;
}

function nameOf(piece: Uint8Array): string {
  return hash("sha256", piece, "hex");
}

function cost(bytes: Buffer, ranges: readonly [number, number][], cut: Cut, known: ReadonlySet<string>) {
  const all = ranges.flatMap(([start, end]) => pieces(bytes, start, end, cut));
  const asked = new Map(all.map((piece) => [nameOf(piece), piece]));
  for (const name of known) asked.delete(name);
  let sum = all.length * entryBytes;
  for (const piece of asked.values()) sum += Math.min(piece.length, zstdCompressSync(piece).length) + 1;
  return { all: all.length, asked: asked.size, bytes: sum };
}
