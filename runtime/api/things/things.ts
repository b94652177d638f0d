/**
 * The node's plugins as things of the Web of Things: a directory, descriptions, properties, actions and events.
 *
 * | | |
 * |---|---|
 * | `GET /.well-known/wot` | the directory's description, for anybody |
 * | `GET /things`, `/things/{thing}` | what the asker may use, and nothing else |
 * | `GET /events` | things that come, change and go |
 * | `GET …/properties`, `…/properties/{point}` | last readings: JSON, SenML in JSON or CBOR, or Server-Sent Events, by Accept |
 * | `PUT …/properties/{point}` | sets a point that can be read and commanded |
 * | `POST …/actions/{point}` | a command |
 * | `GET …/events/quality` | readings that became good, uncertain or bad |
 *
 * Who asks needs a scope and a pattern that means the point. A point is refused before it is looked for, so nobody
 * learns which ones there are. A command is judged by the node's own gate, as one from the hub is.
 */
import type { Log } from "../../log.ts";
import type { ApiFamily } from "../http/route.ts";
import type { ApiNode, Broker, Principal } from "../types.ts";
import { createActionRoutes } from "./actions.ts";
import { createDirectoryEventRoutes } from "./directory-events.ts";
import { createDirectoryRoutes } from "./directory-routes.ts";
import { createObservers } from "./observe.ts";
import { createPictures } from "./pictures.ts";
import { createPropertyRoutes } from "./properties.ts";
import { createStreams, type StreamLimits } from "./streams.ts";

export interface ThingsOptions {
  node: ApiNode;
  /** Where tokens are had: absolute, or below the API's root. @default "/oauth2/v1/token" */
  tokenEndpoint?: string;
  /** @default the bus is not named in descriptions */
  broker?: Pick<Broker, "urls">;
  streams?: StreamLimits;
  /** Of a stream of pictures, at most. @default 5 */
  framesPerS?: number;
  /** Unix time by the clock that tokens are judged by. @default the system's */
  nowMs?: () => number;
  log: Log;
}

export interface Things {
  readonly family: ApiFamily;
  /** Ends the streams of those whose rights were taken or changed. */
  cut(which: (principal: Principal) => boolean): void;
  /** Streams that are open. */
  readonly streams: number;
  stop(): void;
}

export function createThings(options: ThingsOptions): Things {
  const { node, tokenEndpoint = "/oauth2/v1/token", broker, framesPerS, log } = options;
  const streams = createStreams(options.streams, options.nowMs);
  const observers = createObservers(node, streams);
  const pictures = createPictures({ node, streams, log, ...(framesPerS !== undefined && { framesPerS }) });
  const family: ApiFamily = {
    roots: [""],
    title: "Things",
    version: "1",
    routes: [
      ...createDirectoryRoutes({ node, tokenEndpoint, busUrls: () => broker?.urls ?? [] }),
      ...createDirectoryEventRoutes(node, streams),
      ...createPropertyRoutes({ node, streams, observers, pictures }),
      ...createActionRoutes(node),
    ],
  };
  return {
    family,
    cut: (which) => streams.cut(which),
    get streams() {
      return streams.count;
    },
    stop: () => streams.stop(),
  };
}
