/**
 * All streams of the API's things: how many there may be, when each ends, and signs of life on those that are idle.
 *
 * A stream ends with its client, with the API, with the token that opened it, after `longestMs`, and at once when its
 * right is taken (`cut`). A client opens it anew then, with a right that is looked at anew.
 */
import { Problem } from "../http/problem.ts";
import type { ApiRequest } from "../http/route.ts";
import type { Principal } from "../types.ts";
import { openStream, type Stream } from "./stream.ts";

export interface StreamLimits {
  /** Streams at once. @default 1024 */
  streams?: number;
  /** Streams of one principal at once. @default 64 */
  streamsOfOne?: number;
  /** Events that may wait for a client; then the oldest go. @default 256 */
  queueEvents?: number;
  /** Time between signs of life. @default 15_000 */
  keepAliveMs?: number;
  /** @default 15 min, as long as a token of the node is good */
  longestMs?: number;
}

export interface OpenOptions {
  request: ApiRequest;
  principal: Principal;
  /** @default `queueEvents` */
  most?: number;
  lost?: (count: number) => Uint8Array;
  /** Sent when nothing was for `keepAliveMs`. */
  idle?: Uint8Array;
  onEnd: () => void;
}

export interface Streams {
  /** @throws Problem 429 when there are too many */
  open(options: OpenOptions): Stream;
  /** Ends those whose principal is meant. */
  cut(which: (principal: Principal) => boolean): void;
  readonly count: number;
  stop(): void;
}

interface Entry {
  stream: Stream;
  principal: Principal;
  endsAtMs: number;
  idle: Uint8Array | undefined;
}

/** @param nowMs Unix time */
export function createStreams(limits: StreamLimits = {}, nowMs: () => number = Date.now): Streams {
  const { streams = 1024, streamsOfOne = 64, queueEvents = 256 } = limits;
  const { keepAliveMs = 15_000, longestMs = 15 * 60_000 } = limits;
  const open = new Set<Entry>();
  const stopped = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  function tick(): void {
    const now = nowMs();
    for (const { stream, endsAtMs, idle } of open) {
      if (now >= endsAtMs) stream.end();
      else if (idle) stream.nudge(idle);
    }
  }

  function refuseTooMany({ kind, name }: Principal): void {
    const own = [...open].filter(
      ({ principal }) => principal.kind === kind && principal.name === name,
    ).length;
    if (open.size < streams && own < streamsOfOne) return;
    const text = own < streamsOfOne ? `${open.size} streams are open` : `${name} has ${own} streams open`;
    throw new Problem(429, "API_TOO_MANY_STREAMS", `${text}, more are not allowed`, {
      hint: "end one, or observe all properties of a thing by one stream",
      headers: { "retry-after": "10" },
    });
  }

  return {
    open({ request, principal, most = queueEvents, lost, idle, onEnd }) {
      refuseTooMany(principal);
      const endsAtMs = Math.min(nowMs() + longestMs, principal.expiresAtMs ?? Number.POSITIVE_INFINITY);
      const stream = openStream({
        most,
        ...(lost && { lost }),
        signal: AbortSignal.any([request.signal, stopped.signal]),
        onEnd() {
          open.delete(entry);
          if (open.size === 0) {
            clearInterval(timer);
            timer = undefined;
          }
          onEnd();
        },
      });
      const entry: Entry = { stream, principal, endsAtMs, idle };
      open.add(entry);
      timer ??= setInterval(tick, keepAliveMs).unref();
      return stream;
    },
    cut(which) {
      for (const { stream, principal } of open) if (which(principal)) stream.end();
    },
    get count() {
      return open.size;
    },
    stop() {
      stopped.abort();
      clearInterval(timer);
    },
  };
}
