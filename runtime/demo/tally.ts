/**
 * What became of every sample: the sum of a run.
 *
 * Three accounts that know nothing of each other are compared: what the drivers were told (`emit` resolved),
 * how the outbox numbered its rows, and what lies in the hub's stream. Each plugin is looked at by itself, so
 * that a sample too many here does not hide one too few there.
 *
 * - `emitted`: given to `emit`. `durable`: of these, `emit` resolved, so they are on the node's disk.
 * - `stored`: in the hub's stream. `inGaps`: durable once, then evicted, and the hub was told so.
 * - `lost`: durable, but neither stored nor in a gap. A row that is missing counts as one sample at least.
 * - `twice`: stored once more than they should be: rows that two frames carry, and samples beyond the durable.
 * - `outOfOrder`: rows that stand behind a later one on their chain.
 */
import type { AuditCounts, ExpectedRows, NodeAudit } from "../hub/audit.ts";
import { isLane } from "../subjects.ts";
import type { Latency, Phase } from "./watch.ts";

/** What the node says of a plugin. */
export interface PluginCount {
  name: string;
  emitted: number;
  stored: number;
}

export interface Outages {
  outages: number;
  /** From the cut to the moment at which the node says that frames flow again; of all outages together. */
  outageMs: number;
}

export interface Sum extends Outages {
  /** Whether the promise was kept, and anything came to the hub at all. */
  ok: boolean;
  emitted: number;
  durable: number;
  stored: number;
  inGaps: number;
  lost: number;
  twice: number;
  outOfOrder: number;
  /** Whatever else the audit finds wrong: headers that lie, messages that can't be read. 0 when all is well. */
  otherFaults: number;
  /** From the emit to a reader at the hub, in milliseconds. */
  latencyMs: Record<Phase, Latency>;
}

export interface TallyInput extends Outages {
  plugins: readonly PluginCount[];
  audit: Pick<NodeAudit, "malformed"> & { chains: readonly (AuditCounts & { plugin: string })[] };
  latencyMs: Record<Phase, Latency>;
}

export function tally({ plugins, audit, latencyMs, outages, outageMs }: TallyInput): Sum {
  const sum: Sum = {
    ok: false,
    emitted: 0,
    durable: 0,
    stored: 0,
    inGaps: 0,
    lost: 0,
    twice: 0,
    outOfOrder: 0,
    otherFaults: audit.malformed,
    outages,
    outageMs,
    latencyMs,
  };
  const known = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  for (const name of new Set([...known.keys(), ...audit.chains.map(({ plugin }) => plugin)])) {
    const { emitted, stored: durable } = known.get(name) ?? { emitted: 0, stored: 0 };
    const chains = audit.chains.filter(({ plugin }) => plugin === name);
    const add = (key: keyof AuditCounts) => chains.reduce((total, chain) => total + chain[key], 0);
    const there = add("samples") + add("samplesInGaps");
    sum.emitted += emitted;
    sum.durable += durable;
    sum.stored += add("samples");
    sum.inGaps += add("samplesInGaps");
    sum.lost += Math.max(durable - there, add("rowsMissing"), 0);
    sum.twice += Math.max(there - durable, add("rowsTwice"), 0);
    sum.outOfOrder += add("rowsOutOfOrder");
    sum.otherFaults += add("sinceFaults") + add("samplesMiscounted");
  }
  const { lost, twice, outOfOrder, otherFaults, stored } = sum;
  sum.ok = lost === 0 && twice === 0 && outOfOrder === 0 && otherFaults === 0 && stored > 0;
  return sum;
}

/** The rows that the audit must find: those of each chain that the outbox has numbered. */
export function expectedRows(outbox: {
  chains: readonly { plugin: string; lane: string; nextRow: number }[];
  evictedSamples: number;
  salvages: number;
}): ExpectedRows[] {
  // Gap records have row numbers too: with any, the numbers tell the end of the series no more.
  if (outbox.evictedSamples > 0 || outbox.salvages > 0) return [];
  return outbox.chains.flatMap(({ plugin, lane, nextRow }) =>
    isLane(lane) ? [{ plugin, lane, rows: nextRow - 1 }] : [],
  );
}
