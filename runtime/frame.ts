/**
 * The header of a frame: which rows of which store one message on a chain carries.
 *
 * A frame is a SenML pack (`application/senml+cbor`) that merges consecutive rows of one plugin and lane.
 * Its header `Umec-Frame` is `store=<id> rows=<first>-<last> since=<row> samples=<count> [clock=estimated]`.
 *
 * - Rows are numbered for each plugin and lane, without holes, as `generation * 2^40 + n`. A new generation
 *   begins when a damaged file was salvaged, so numbers are never used twice in one store.
 * - On a live chain `since` is the first row of the present live run: every row from `since` to `last` is on
 *   this chain. On a backlog chain `since` is 0: every row up to `last` that was not sent live is on it.
 *   From the last frame of both chains alone a node thus knows which of its rows the hub has stored.
 * - What was lost on the way is said in the pack itself: a record named `<node>/<plugin>/_gap` whose `vs` is
 *   the JSON text of a {@link Gap}.
 */
export const frameHeaderName = "Umec-Frame";
export const generationSize = 2 ** 40;
/** The last path segment of a gap record's name. */
export const gapName = "_gap";

export interface FrameHeader {
  /** Identity of the outbox, 16 hexadecimal digits. */
  store: string;
  first: number;
  last: number;
  since: number;
  samples: number;
  /** The times of some rows were estimated: their boot never learnt the time. */
  clockEstimated: boolean;
}

/**
 * What takes the place of rows that were lost.
 *
 * `quota`: evicted to make room; `too-large`: more than the hub takes in one message. Range and counts are exact.
 * `damaged`: the file could not be read; the range is an upper bound, the counts are of what is missing for
 * certain. `restart`: nothing is lost; a restarted node fences its live chain with it (../link/session.ts).
 */
export interface Gap {
  from: number;
  to: number;
  rows: number;
  samples: number;
  reason: "quota" | "damaged" | "too-large" | "restart";
}

const syntax = /^store=([0-9a-f]{16}) rows=(\d+)-(\d+) since=(\d+) samples=(\d+)( clock=estimated)?$/;

export function formatFrameHeader(header: FrameHeader): string {
  const { store, first, last, since, samples, clockEstimated } = header;
  const clock = clockEstimated ? " clock=estimated" : "";
  return `store=${store} rows=${first}-${last} since=${since} samples=${samples}${clock}`;
}

/** The header's parts, or `undefined` when the text is none of ours. */
export function parseFrameHeader(text: string): FrameHeader | undefined {
  const match = syntax.exec(text);
  if (!match) return undefined;
  const [, store = "", first, last, since, samples, clock] = match;
  return {
    store,
    first: Number(first),
    last: Number(last),
    since: Number(since),
    samples: Number(samples),
    clockEstimated: clock !== undefined,
  };
}
