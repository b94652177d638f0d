/**
 * The directory's notifications (W3C Web of Things Discovery section 7.3.2.3): things that came, changed or went, as
 * Server-Sent Events `thing_created`, `thing_updated` and `thing_deleted`, each with the thing's id and title.
 *
 * For an asker there are only the things that it may use. A thing has changed when its points have, not when they are read.
 * Nothing is told of what was before: who opens a stream reads the list then.
 */
import { notFound } from "../http/problem.ts";
import type { ApiRequest, ApiResponse, Route } from "../http/route.ts";
import type { ApiNode, Principal } from "../types.ts";
import { sseType } from "./description.ts";
import { principalOf } from "./find.ts";
import { thingId } from "./name.ts";
import { streamResponse } from "./observe.ts";
import { thingPoints } from "./point.ts";
import { eventBytes, firstBytes, idleBytes, lostBytes } from "./sse.ts";
import type { Streams } from "./streams.ts";

export const directoryEvents = ["thing_created", "thing_updated", "thing_deleted"] as const;
type DirectoryEvent = (typeof directoryEvents)[number];

export function createDirectoryEventRoutes(node: ApiNode, streams: Streams): Route[] {
  function open(request: ApiRequest, wanted: readonly DirectoryEvent[]): ApiResponse {
    const principal = principalOf(request);
    const stream = streams.open({
      request,
      principal,
      lost: lostBytes,
      idle: idleBytes,
      onEnd: () => unwatch(),
    });
    let before = shapes(node, principal);
    const unwatch = node.onPlugins(() => {
      const now = shapes(node, principal);
      for (const [event, title] of changes(before, now)) {
        const data = JSON.stringify({ id: thingId(node.name, title), title });
        if (wanted.includes(event)) stream.push(eventBytes({ event, data }));
      }
      before = now;
    });
    stream.push(firstBytes);
    return streamResponse(stream);
  }

  const responses = { 200: { description: "Events.", type: sseType } };
  return [
    {
      method: "get",
      path: "/events",
      operationId: "directoryEventsGET",
      summary: "Things that come, change and go.",
      scope: "things_read",
      responses,
      handle: (request) => open(request, directoryEvents),
    },
    {
      method: "get",
      path: "/events/{type}",
      operationId: "directoryEventsByTypeGET",
      summary: "One kind of them: thing_created, thing_updated or thing_deleted.",
      scope: "things_read",
      responses: { ...responses, 404: { description: "There is no such event." } },
      handle(request) {
        const wanted = directoryEvents.filter((type) => type === request.params.type);
        if (wanted.length === 0) throw notFound(`event ${request.params.type}`.slice(0, 100));
        return open(request, wanted);
      },
    },
  ];
}

/** By plugin: what of its description does not come of readings. */
function shapes(node: ApiNode, principal: Principal): Map<string, string> {
  const found = new Map<string, string>();
  for (const plugin of node.plugins()) {
    const points = thingPoints({ seen: () => [] }, plugin, principal);
    if (points.length > 0) found.set(plugin.name, JSON.stringify([plugin.summary, points]));
  }
  return found;
}

function changes(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): [DirectoryEvent, string][] {
  const told: [DirectoryEvent, string][] = [];
  for (const [name, shape] of now) {
    const known = before.get(name);
    if (known === undefined) told.push(["thing_created", name]);
    else if (known !== shape) told.push(["thing_updated", name]);
  }
  for (const name of before.keys()) if (!now.has(name)) told.push(["thing_deleted", name]);
  return told;
}
