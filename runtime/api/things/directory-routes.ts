import Type from "typebox";
import { notFound } from "../http/problem.ts";
import type { ApiRequest, Route } from "../http/route.ts";
import type { ApiNode, ApiPlugin } from "../types.ts";
import { describeThing, type ThingDescription, tdContext } from "./description.ts";
import { describeDirectory, pageOf } from "./directory.ts";
import { pluginOf, principalOf } from "./find.ts";
import { thingId } from "./name.ts";
import { listQuery, tdSchema } from "./schema.ts";

const tdType = "application/td+json";
const listType = "application/ld+json";

export interface DirectoryOptions {
  node: ApiNode;
  tokenEndpoint: string;
  busUrls: () => readonly string[];
}

export function createDirectoryRoutes({ node, tokenEndpoint, busUrls }: DirectoryOptions): Route[] {
  const tokenUrl = ({ url }: ApiRequest): string => new URL(tokenEndpoint, url.origin).href;

  function describe(request: ApiRequest, plugin: ApiPlugin): ThingDescription | undefined {
    return describeThing({
      node,
      plugin,
      principal: principalOf(request),
      origin: request.url.origin,
      tokenEndpoint: tokenUrl(request),
      busUrls: busUrls(),
    });
  }

  const introduction: Route = {
    method: "get",
    path: "/.well-known/wot",
    operationId: "wotIntroduction",
    summary: "The directory as a thing: where tokens and things are had.",
    scope: undefined,
    responses: { 200: { description: "Its Thing Description.", type: tdType } },
    handle(request) {
      const { origin } = request.url;
      const id = thingId(node.name, "");
      const body = describeDirectory({ node: node.name, id, origin, tokenEndpoint: tokenUrl(request) });
      return { status: 200, headers: { "content-type": tdType }, body };
    },
  };

  const list: Route = {
    method: "get",
    path: "/things",
    operationId: "thingsGET",
    summary: "The things that the asker may use.",
    scope: "things_read",
    query: listQuery,
    responses: {
      200: {
        description: "Thing Descriptions.",
        schema: Type.Union([Type.Array(tdSchema), Type.Object({ members: Type.Array(tdSchema) })]),
        type: `${listType}, application/json`,
        headers: { link: "Where the next ones are (`rel=next`)." },
      },
    },
    handle(request) {
      const { offset = 0, limit = 100, format = "array" } = request.query as Partial<ListQuery>;
      const all = node.plugins().flatMap((plugin) => describe(request, plugin) ?? []);
      const { page, next } = pageOf(all, { offset, limit });
      const link = next === undefined ? undefined : `/things${next}&format=${format}`;
      const collection = {
        "@context": tdContext,
        "@type": "ThingCollection",
        total: all.length,
        members: page,
        ...(link !== undefined && { next: link }),
      };
      return {
        status: 200,
        headers: { "content-type": listType, ...(link !== undefined && { link: `<${link}>; rel="next"` }) },
        body: format === "array" ? page : collection,
      };
    },
  };

  const one: Route = {
    method: "get",
    path: "/things/{thing}",
    operationId: "thingGET",
    summary: "A plugin's Thing Description, by name or id, with what the asker may use.",
    scope: "things_read",
    responses: {
      200: { description: "The Thing Description.", schema: tdSchema, type: `${tdType}, application/json` },
      404: { description: "There is no such thing for the asker." },
    },
    handle(request) {
      const body = describe(request, pluginOf(node, request));
      if (!body) throw notFound(`thing ${request.params.thing}`);
      return { status: 200, headers: { "content-type": tdType }, body };
    },
  };

  return [introduction, list, one];
}

interface ListQuery {
  offset: number;
  limit: number;
  format: string;
}
