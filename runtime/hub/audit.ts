/**
 * Proves the outbox's promise from what the hub has stored: nothing lost in silence, nothing twice, all in
 * order.
 *
 * For each plugin and lane of a node it checks
 *
 * 1. **No row is missing.** Rows are numbered without holes, across the live and the backlog chain of one
 *    outbox; each number from the first one of its generation on is carried by a frame or covered by a gap
 *    record. With `expected`, also the end of the series is known, so a lost tail shows.
 * 2. **No row is there twice**, on the same chain or on both. Rows of two outboxes are different rows.
 * 3. **Each chain is in order**: a frame's rows come behind those of the frames before it.
 * 4. **`since` is true**: all rows from a live frame's `since` to its `last` are on the live chain by then. A
 *    node that lost an acknowledgement relies on it.
 * 5. **Headers count right**, and every message can be read.
 * 6. **No frame is forged**: each is signed by its node, if it must be (node-keys.ts). One that is not counts for nothing
 *    else: its rows are not there.
 *
 * It takes each frame once, in the order in which the hub stored them, and keeps ranges of row numbers:
 * memory grows with the number of outages and gaps, not of frames. A stream with a maximal age has lost its
 * oldest rows on purpose; the audit reports them as missing.
 */
import type { NatsConnection } from "@nats-io/nats-core";
import type { Lane } from "../plugin/contract.ts";
import { type AuditCounts, type ChainAudit, ChainAuditor } from "./audit-chain.ts";
import type { ForgedFrame, HubFrame, MalformedFrame } from "./frames.ts";
import { createReader } from "./reader.ts";

export type { AuditCounts, ChainAudit } from "./audit-chain.ts";

/** What a plugin's emits came to. */
export interface ExpectedRows {
  plugin: string;
  lane: Lane;
  /** Number of packs, one for each stored emit. @default what the row numbers tell */
  rows?: number;
  /** @default unknown */
  samples?: number;
}

export interface AuditOptions {
  node: string;
  /** Chains that are not named are audited all the same. @default none */
  expected?: readonly ExpectedRows[];
  /**
   * How many samples of each plugin and lane are remembered to find the same name and time twice; about 50
   * bytes each. A driver may rightly say the same twice, so a find is told but no fault. @default 0
   */
  duplicateLimit?: number;
  signal?: AbortSignal;
}

export interface NodeAudit {
  node: string;
  /** Whether the promise was kept. Rows in gaps, also in damaged ones, are no breach: they were announced. */
  ok: boolean;
  totals: AuditCounts;
  /** Sorted by plugin and lane. */
  chains: ChainAudit[];
  /** Messages that can't be read. */
  malformed: number;
  /** The first of them. */
  malformedFrames: MalformedFrame[];
  /** Frames that are not by the node. */
  forged: number;
  /** The first of them. */
  forgedFrames: ForgedFrame[];
}

const framesShown = 20;

/** Audits what the hub has stored of a node. Rejects as `HubReader.frames` does. */
export async function auditNode(nc: NatsConnection, options: AuditOptions): Promise<NodeAudit> {
  const { node, signal } = options;
  const audit = createAudit(options);
  const frames = createReader(nc).frames({
    node,
    onMalformed: (frame) => audit.addMalformed(frame),
    onForged: (frame) => audit.addForged(frame),
    ...(signal && { signal }),
  });
  for await (const frame of frames) audit.add(frame);
  return audit.result();
}

/** An audit of frames that the caller brings, in the order in which the hub stored them. */
export function createAudit(options: Omit<AuditOptions, "signal">): Audit {
  return new Audit(options);
}

export class Audit {
  readonly #options: Omit<AuditOptions, "signal">;
  readonly #chains = new Map<string, ChainAuditor>();
  readonly #malformedFrames: MalformedFrame[] = [];
  #malformed = 0;
  readonly #forgedFrames: ForgedFrame[] = [];
  #forged = 0;

  constructor(options: Omit<AuditOptions, "signal">) {
    this.#options = options;
    for (const { plugin, lane } of options.expected ?? []) this.#chain(plugin, lane);
  }

  /** Takes a frame of the audited node; those of others are passed over. */
  add(frame: HubFrame): void {
    const { node, plugin, lane } = frame.chain;
    if (node !== this.#options.node) return;
    for (const malformed of this.#chain(plugin, lane).add(frame)) this.addMalformed(malformed);
  }

  addMalformed(frame: MalformedFrame): void {
    if (this.#malformedFrames.length < framesShown) this.#malformedFrames.push(frame);
    this.#malformed++;
  }

  addForged(frame: ForgedFrame): void {
    if (this.#forgedFrames.length < framesShown) this.#forgedFrames.push(frame);
    this.#forged++;
  }

  /** The findings so far. */
  result(): NodeAudit {
    const chains = [...this.#chains]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, chain]) => {
        const [plugin, lane] = key.split(" ") as [string, Lane];
        const expected = this.#options.expected?.find((rows) => rows.plugin === plugin && rows.lane === lane);
        return chain.result(plugin, lane, expected);
      });
    const totals = addUp(chains);
    return {
      node: this.#options.node,
      ok: this.#malformed === 0 && this.#forged === 0 && breaches.every((key) => totals[key] === 0),
      totals,
      chains,
      malformed: this.#malformed,
      malformedFrames: [...this.#malformedFrames],
      forged: this.#forged,
      forgedFrames: [...this.#forgedFrames],
    };
  }

  #chain(plugin: string, lane: Lane): ChainAuditor {
    const key = `${plugin} ${lane}`;
    let chain = this.#chains.get(key);
    if (!chain) {
      chain = new ChainAuditor(this.#options.duplicateLimit ?? 0);
      this.#chains.set(key, chain);
    }
    return chain;
  }
}

const breaches: readonly (keyof AuditCounts)[] = [
  "rowsTwice",
  "rowsOutOfOrder",
  "rowsMissing",
  "samplesMissing",
  "samplesExtra",
  "samplesMiscounted",
  "sinceFaults",
];

function addUp(chains: readonly ChainAudit[]): AuditCounts {
  const totals: AuditCounts = {
    frames: 0,
    rows: 0,
    samples: 0,
    rowsInGaps: 0,
    samplesInGaps: 0,
    rowsUncertain: 0,
    samplesUncertain: 0,
    rowsTwice: 0,
    rowsOutOfOrder: 0,
    rowsMissing: 0,
    samplesMissing: 0,
    samplesExtra: 0,
    samplesTwice: 0,
    samplesMiscounted: 0,
    sinceFaults: 0,
  };
  for (const chain of chains) {
    for (const key of Object.keys(totals) as (keyof AuditCounts)[]) totals[key] += chain[key];
  }
  return totals;
}
