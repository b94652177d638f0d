/** The directory of the node's things (W3C Web of Things Discovery, section 7), read only. */
import { security, sseType, type ThingDescription, tdContext } from "./description.ts";

/** What `/.well-known/wot` answers (section 6.4): the directory as a thing, which anybody may read. */
export function describeDirectory(options: {
  node: string;
  id: string;
  origin: string;
  tokenEndpoint: string;
}): ThingDescription {
  const { node, id, origin, tokenEndpoint } = options;
  const scopes = ["things_read"];
  return {
    "@context": [tdContext, "https://www.w3.org/2022/wot/discovery"],
    "@type": "ThingDirectory",
    id,
    title: node,
    description: "The plugins of this node as things.",
    base: `${origin}/`,
    ...security(tokenEndpoint),
    properties: {
      things: {
        description: "All things that the asker may use.",
        readOnly: true,
        type: "array",
        items: { type: "object" },
        uriVariables: {
          offset: { type: "integer", minimum: 0, default: 0 },
          limit: { type: "integer", minimum: 1 },
          format: { type: "string", enum: ["array", "collection"], default: "array" },
        },
        forms: [
          {
            op: "readproperty",
            href: "things{?offset,limit,format}",
            contentType: "application/ld+json",
            "htv:methodName": "GET",
            scopes,
          },
        ],
      },
    },
    events: Object.fromEntries(
      ["thingCreated", "thingUpdated", "thingDeleted"].map((name) => [
        name,
        {
          data: { type: "object", properties: { id: { type: "string" }, title: { type: "string" } } },
          forms: [
            {
              op: ["subscribeevent", "unsubscribeevent"],
              href: `events/${name.replace("thing", "thing_").toLowerCase()}`,
              contentType: sseType,
              subprotocol: "sse",
              scopes,
            },
          ],
        },
      ]),
    ),
    actions: {
      retrieveThing: {
        description: "One thing, by its id or title.",
        safe: true,
        idempotent: true,
        uriVariables: { id: { type: "string" } },
        output: { type: "object" },
        forms: [
          {
            op: "invokeaction",
            href: "things/{id}",
            contentType: "application/td+json",
            "htv:methodName": "GET",
            scopes,
          },
        ],
      },
    },
  };
}

export interface Page {
  offset: number;
  limit: number;
}

/** One page of a list, and the next one's query; `undefined` when there is none (section 7.3.2.2.6). */
export function pageOf<T>(all: readonly T[], { offset, limit }: Page): { page: T[]; next?: string } {
  const page = all.slice(offset, offset + limit);
  if (offset + limit >= all.length) return { page };
  return { page, next: `?offset=${offset + limit}&limit=${limit}` };
}
