import type { Clock } from "../clock.ts";
import { UmecError } from "../errors.ts";
import type { Entry } from "./entry.ts";
import type { Description, HubBucket } from "./hub-bucket.ts";
import type { Spool } from "./spool.ts";

/**
 * Bytes of a chunk: what an alarm may have to wait for on a thin line, half a second at 1 Mbit/s. NATS' own clients
 * make chunks of 128 KiB; readers take any size.
 */
export const chunkBytes = 64 * 1024;
/** An upload is not gone on with after this: the hub may be about to remove its first chunks for their age. */
const longestPauseMs = 24 * 3_600_000;
/** Surprises in one upload; more, and somebody else writes there. */
const mostConflicts = 5;

export interface UploadOptions {
  spool: Spool;
  bucket: HubBucket;
  clock: Clock;
  bootId: string;
  /** Takes bytes from the share of the link; resolves when they may go, and rejects with the signal's reason. */
  take: (bytes: number, signal: AbortSignal) => Promise<void>;
  signal: AbortSignal;
}

/**
 * Brings one object to the hub, from where an earlier attempt has got to; it is in the bucket exactly once then, and
 * no longer in the spool.
 *
 * @param tried whether chunks of it may be there already; else that is found out by the first one's refusal
 * @throws UmecError `OBJECT_REFUSED`, `OBJECT_NO_ANSWER`, or the signal's reason
 */
export async function upload(entry: Entry, tried: boolean, options: UploadOptions): Promise<void> {
  const { spool, bucket, signal } = options;
  if (!(await spool.isWhole(entry))) return spool.giveUp(entry, "damaged");
  const chunks = Math.ceil(entry.size / chunkBytes);
  let resumed = tried;
  let place = tried ? await findPlace(entry, options) : start;
  for (let conflicts = 0; place.chunk < chunks; conflicts++) {
    if (conflicts > mostConflicts) throw refused("the chunks at the hub are not what was stored");
    const stopped = await sendChunks(entry, place, options);
    if (!stopped) break;
    resumed = true;
    place = await findPlace(entry, options);
  }
  // What made room for younger objects is not described: its chunks grow old and go.
  if (!spool.has(entry)) return;
  const description = describe(entry, chunks, options);
  const there = resumed && (await bucket.isDescribed(description.name, entry.nuid, signal));
  if (!there) {
    const answer = await bucket.putDescription(description, signal);
    if (answer.kind !== "stored") throw refused(answer.kind === "refused" ? answer.reason : answer.kind);
  }
  await spool.sent(entry);
}

/** The last chunk at the hub, as number and sequence. */
interface Place {
  chunk: number;
  sequence: number;
}

const start: Place = { chunk: 0, sequence: 0 };

async function findPlace(entry: Entry, { spool, bucket, clock, signal }: UploadOptions): Promise<Place> {
  const last = await bucket.lastChunk(entry.nuid, signal);
  if (!last) return start;
  const { chunk, sequence, timeMs } = last;
  const tooOld = clock.known() && clock.nowMs() - timeMs > longestPauseMs;
  if (Number.isSafeInteger(chunk) && !tooOld) return { chunk, sequence };
  await spool.rename(entry);
  return start;
}

/** Sends what is behind `place`. Returns whether it was stopped by the hub's having something else. */
async function sendChunks(entry: Entry, place: Place, options: UploadOptions): Promise<boolean> {
  const { spool, bucket, take, signal } = options;
  let { chunk, sequence } = place;
  try {
    for await (const bytes of spool.pieces(entry, chunkBytes, chunk * chunkBytes)) {
      await take(bytes.length, signal);
      if (!spool.has(entry)) return false;
      const answer = await bucket.putChunk(entry.nuid, ++chunk, bytes, sequence, signal);
      if (answer.kind === "conflict") return true;
      if (answer.kind === "refused") throw refused(answer.reason);
      sequence = answer.sequence;
    }
  } catch (error) {
    // It made room while its body was read.
    if (!spool.has(entry)) return false;
    throw error;
  }
  return false;
}

function describe(entry: Entry, chunks: number, { clock, bootId }: UploadOptions): Description {
  const { plugin, name, nuid, size, sha256, contentType, time } = entry;
  const common = { name: `${plugin}/${name}`, nuid, size, chunks, chunkBytes, sha256, contentType };
  if ("unixMs" in time) return { ...common, timeMs: time.unixMs, timeEstimated: false };
  // Its boot has learnt the time since, or never did.
  if (time.boot === bootId && clock.known()) {
    return {
      ...common,
      timeMs: clock.nowMs() - clock.monotonicMs() + time.monotonicMs,
      timeEstimated: false,
    };
  }
  return { ...common, timeMs: time.guessMs, timeEstimated: true };
}

function refused(reason: string): UmecError {
  return new UmecError("OBJECT_REFUSED", `the hub refuses: ${reason}`);
}
