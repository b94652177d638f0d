/**
 * One client's stream: chunks that wait for it, no more than `most` of them.
 *
 * A client that reads too slowly never holds up the others nor fills the memory: the oldest chunk goes, and `lost`
 * makes the chunk that tells how many. Nothing is made ready before the client's socket takes it, so what waits is
 * all there is. A client that takes nothing at all is the server's to cut off.
 */
export interface StreamOptions {
  /** Chunks that may wait. */
  most: number;
  /** What tells that so many went since the last one that arrived. @default nothing does */
  lost?: (count: number) => Uint8Array;
  /** Told once, however it ends. */
  onEnd: () => void;
  /** Ends it. */
  signal: AbortSignal;
}

export interface Stream {
  readonly body: ReadableStream<Uint8Array>;
  push(chunk: Uint8Array): void;
  /** Sends `chunk` if nothing else waits: a sign of life. */
  nudge(chunk: Uint8Array): void;
  /** Ends it at once; what waits is not sent. */
  end(): void;
}

/** Chunks that wait are sent together, up to so many bytes. */
const togetherBytes = 64 * 1024;

export function openStream({ most, lost, onEnd, signal }: StreamOptions): Stream {
  const waiting: Uint8Array[] = [];
  let gone = 0;
  let ended = false;
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Set while the client wants more. */
  let wake: (() => void) | undefined;

  function next(): Uint8Array | undefined {
    if (gone > 0 && lost) {
      const count = gone;
      gone = 0;
      return lost(count);
    }
    let bytes = 0;
    let count = 0;
    while (count < waiting.length && (count === 0 || bytes + waiting[count]!.length <= togetherBytes))
      bytes += waiting[count++]!.length;
    const taken = waiting.splice(0, count);
    return taken.length > 1 ? Buffer.concat(taken) : taken[0];
  }

  function end(): void {
    if (ended) return;
    ended = true;
    signal.removeEventListener("abort", end);
    waiting.length = 0;
    try {
      controller.close();
    } catch {
      // The client has cancelled it.
    }
    wake?.();
    onEnd();
  }

  const body = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      async pull() {
        let chunk = next();
        if (!chunk) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = undefined;
          chunk = next();
        }
        if (chunk && !ended) controller.enqueue(chunk);
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
  // Later, so that nobody is told of an end before the call returned.
  if (signal.aborted) queueMicrotask(end);
  else signal.addEventListener("abort", end, { once: true });

  function push(chunk: Uint8Array): void {
    if (ended) return;
    waiting.push(chunk);
    if (waiting.length > most) {
      waiting.shift();
      gone++;
    }
    wake?.();
  }

  return {
    body,
    push,
    nudge(chunk) {
      if (waiting.length === 0 && wake) push(chunk);
    },
    end,
  };
}
