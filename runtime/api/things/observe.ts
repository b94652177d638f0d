/**
 * Readings as Server-Sent Events.
 *
 * Each event is one SenML pack in JSON with one record, and its id is the reading's time in Unix milliseconds. A
 * stream begins with the last reading of each point. There is no history here (that is at the hub): a client that
 * comes back with `Last-Event-ID` is spared the readings that are no newer, and what lies between is not told. A
 * reading without a time, from before the node knew it, has no id and is always sent.
 *
 * However many observe a point, each reading is encoded once.
 */
import type { ApiRequest, ApiResponse } from "../http/route.ts";
import type { ApiNode, Principal, Reading } from "../types.ts";
import { sseType } from "./description.ts";
import { senmlText } from "./reading.ts";
import { eventBytes, firstBytes, idleBytes, lostBytes } from "./sse.ts";
import type { Stream } from "./stream.ts";
import type { Streams } from "./streams.ts";

export interface ObserveOptions {
  request: ApiRequest;
  principal: Principal;
  plugin: string;
  /** `undefined`: all. */
  point: string | undefined;
  /** Which are wanted and allowed. */
  accepts: (point: string) => boolean;
}

export interface Observers {
  /** @throws Problem 429 */
  observe(options: ObserveOptions): ApiResponse;
}

interface Channel {
  clients: Set<{ stream: Stream; accepts: (point: string) => boolean }>;
  end: () => void;
}

export function createObservers(node: ApiNode, streams: Streams): Observers {
  const channels = new Map<string, Channel>();

  function channelOf(plugin: string, point: string | undefined): Channel {
    const key = `${plugin}/${point ?? "*"}`;
    const known = channels.get(key);
    if (known) return known;
    const clients: Channel["clients"] = new Set();
    const unwatch = node.watch(plugin, point, (reading) => {
      let bytes: Uint8Array | undefined;
      for (const { stream, accepts } of clients) {
        if (!accepts(reading.point)) continue;
        bytes ??= readingBytes(node.name, reading);
        stream.push(bytes);
      }
    });
    const channel = {
      clients,
      end() {
        unwatch();
        channels.delete(key);
      },
    };
    channels.set(key, channel);
    return channel;
  }

  return {
    observe({ request, principal, plugin, point, accepts }) {
      const stream = streams.open({
        request,
        principal,
        lost: lostBytes,
        idle: idleBytes,
        onEnd() {
          channel?.clients.delete(client);
          if (channel?.clients.size === 0) channel.end();
        },
      });
      const client = { stream, accepts };
      const channel = channelOf(plugin, point);
      channel.clients.add(client);
      stream.push(firstBytes);
      const since = lastEventId(request.headers);
      for (const name of point === undefined ? node.seen(plugin) : [point]) {
        const reading = accepts(name) ? node.latest(plugin, name) : undefined;
        if (reading && (reading.timeMs ?? Number.POSITIVE_INFINITY) > since)
          stream.push(readingBytes(node.name, reading));
      }
      return streamResponse(stream);
    },
  };
}

/** As a response that nothing between may keep or hold back. */
export function streamResponse({ body }: Stream, contentType: string = sseType): ApiResponse {
  return {
    status: 200,
    headers: { "content-type": contentType, "cache-control": "no-store", "x-accel-buffering": "no" },
    body,
  };
}

export function readingBytes(node: string, reading: Reading): Uint8Array {
  const { timeMs } = reading;
  return eventBytes({
    ...(timeMs !== undefined && { id: String(timeMs) }),
    data: senmlText(node, [reading]),
  });
}

function lastEventId(headers: Headers): number {
  const text = headers.get("last-event-id") ?? "";
  return /^\d{1,16}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NEGATIVE_INFINITY;
}
