/** The event `quality` of each thing: a point's readings became good, uncertain or bad. */
import type { ApiRequest, ApiResponse } from "../http/route.ts";
import type { ApiNode, Principal, Reading } from "../types.ts";
import { streamResponse } from "./observe.ts";
import { eventBytes, firstBytes, idleBytes, lostBytes } from "./sse.ts";
import type { Streams } from "./streams.ts";

export interface QualityOptions {
  request: ApiRequest;
  principal: Principal;
  plugin: string;
  accepts: (point: string) => boolean;
}

/** Begins with what is not good now. */
export function tellQuality(
  node: ApiNode,
  streams: Streams,
  { request, principal, plugin, accepts }: QualityOptions,
): ApiResponse {
  const known = new Map<string, Reading["quality"]>();
  const stream = streams.open({
    request,
    principal,
    lost: lostBytes,
    idle: idleBytes,
    onEnd: () => unwatch(),
  });
  const unwatch = node.watch(plugin, undefined, look);
  stream.push(firstBytes);

  function look(reading: Reading): void {
    const { point, quality } = reading;
    if (!accepts(point) || (known.get(point) ?? "good") === quality) return;
    known.set(point, quality);
    stream.push(qualityBytes(reading));
  }

  for (const point of node.seen(plugin)) {
    const reading = node.latest(plugin, point);
    if (reading) look(reading);
  }
  return streamResponse(stream);
}

function qualityBytes({ point, quality, reason, timeMs }: Reading): Uint8Array {
  const time = timeMs === undefined ? {} : { time: new Date(timeMs).toISOString() };
  const why = reason === undefined ? {} : { reason };
  return eventBytes({ event: "quality", data: JSON.stringify({ point, quality, ...why, ...time }) });
}
