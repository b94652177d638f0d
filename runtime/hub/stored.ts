/**
 * Reads stored messages of a subject, oldest first, in constant memory.
 *
 * It asks for one batch after another by direct get (nats-server 2.11), each from the sequence behind the
 * last. The server keeps nothing between two batches, so a reader may take its time or vanish: there is no
 * consumer that could expire, and no message that waits in a buffer.
 *
 * 1. A read ends at the stream's last sequence when it began.
 * 2. Each message of a batch names the sequence before it in the batch. When one was lost on the way (the
 *    connection broke and came back) the names do not join, and the batch ends early at what is sure.
 * 3. Any replica may answer, also one that lags behind. So an empty answer counts only when the leader
 *    agrees; if not, the question is put again with backoff, at most `lagTries` times in a row.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import { ExponentialBackoff, type IBackoff } from "cockatiel";
import { UmecError } from "../errors.ts";
import { streamName } from "../subjects.ts";

export interface StoredRange {
  /** A subject; may hold wildcards. */
  filter: string;
  /** Where the read ends: the stream's last sequence when it began. */
  lastSeq: number;
  /** Leaves out what was stored before, in Unix milliseconds. @default everything is read */
  storedFromMs?: number;
  signal?: AbortSignal | undefined;
}

const batchMessages = 512;
const batchBytes = 4 * 2 ** 20;
const silenceMs = 5000;
const lagTries = 10;
const noMessage = 404;

export async function* readStored(manager: JetStreamManager, range: StoredRange): AsyncGenerator<StoredMsg> {
  const { filter, signal, lastSeq } = range;
  signal?.throwIfAborted();
  let next = await firstSeq(manager, range.storedFromMs);
  let end = Math.min(lastSeq, await leadersLast(manager, filter));
  let lag = lagBackoff();
  let tries = 0;
  while (next <= end) {
    const batch = await readBatch(manager, filter, next, signal);
    for (const message of batch) {
      if (message.seq > lastSeq) return;
      signal?.throwIfAborted();
      yield message;
      next = message.seq + 1;
    }
    if (batch.length > 0) {
      lag = lagBackoff();
      tries = 0;
      continue;
    }
    // The rest may have been purged since.
    end = Math.min(lastSeq, await leadersLast(manager, filter));
    if (next > end) return;
    if (++tries > lagTries) {
      throw new UmecError(
        "HUB_READ_LAGS",
        `${filter} is stored up to ${end}, but no server gives it from ${next}`,
        {
          hint: "a replica of the stream lags far behind: see `nats stream report`",
        },
      );
    }
    await sleep(lag.duration, undefined, signal ? { signal } : {});
    lag = lag.next(undefined);
  }
}

function lagBackoff(): IBackoff<unknown> {
  return new ExponentialBackoff({ initialDelay: 20, maxDelay: 2000 }).next();
}

async function firstSeq(manager: JetStreamManager, storedFromMs: number | undefined): Promise<number> {
  if (storedFromMs === undefined || storedFromMs <= 0) return 1;
  const start = new Date(storedFromMs);
  const first = await manager.direct.getMessage(streamName, { start_time: start });
  if (first) return first.seq;
  const { state } = await manager.streams.info(streamName);
  // Nothing is that new; or the replica that answered lags, and then all of it is read.
  return Date.parse(state.last_ts) < storedFromMs ? state.last_seq + 1 : 1;
}

/** The last sequence on the subject as the stream's leader knows it; 0 when there is none. */
async function leadersLast(manager: JetStreamManager, filter: string): Promise<number> {
  const last = await manager.streams.getMessage(streamName, { last_by_subj: filter });
  return last?.seq ?? 0;
}

/** Messages on `filter` from `seq` on, without a hole among them; none when there is none. */
async function readBatch(
  manager: JetStreamManager,
  filter: string,
  seq: number,
  signal: AbortSignal | undefined,
): Promise<StoredMsg[]> {
  const messages: StoredMsg[] = [];
  const done = Promise.withResolvers<void>();
  const silence = setTimeout(() => done.resolve(), silenceMs);
  const abort = () => done.reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  let before = 0;
  const iterator = await manager.direct.getBatch(streamName, {
    seq,
    next_by_subj: filter,
    batch: batchMessages,
    max_bytes: batchBytes,
    callback(end, message) {
      if (end) {
        const { err } = end as { err?: Error & { code?: number } };
        if (!err || err.code === noMessage) done.resolve();
        else done.reject(err);
        return;
      }
      silence.refresh();
      if ((message as StoredMsg & { lastSequence: number }).lastSequence !== before) return done.resolve();
      before = message.seq;
      messages.push(message);
    },
  });
  try {
    await done.promise;
  } finally {
    clearTimeout(silence);
    signal?.removeEventListener("abort", abort);
    iterator.stop();
  }
  return messages;
}
