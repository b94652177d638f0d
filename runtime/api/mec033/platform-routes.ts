import Type from "typebox";
import { answers, created, etagHeader, noContent, ok } from "../etsi-answers.ts";
import { text } from "../etsi-words.ts";
import { etagOf, ifMatch } from "../http/etag.ts";
import { badRequest, notFound } from "../http/problem.ts";
import type { ApiRequest, Route } from "../http/route.ts";
import { known, nodesOwn, principalOf, scope, whole } from "./answers.ts";
import { createSelector } from "./fields.ts";
import type { Platforms } from "./platforms.ts";
import type { Entry, Registry } from "./registry.ts";
import {
  type IotPlatformInfo,
  type PlatformRequest,
  platformAttributes,
  platformInfoSchema,
  platformPartSchema,
  platformRequestSchema,
} from "./schema/platform.ts";

export interface PlatformRoutesOptions {
  registry: Registry<IotPlatformInfo>;
  platforms: Platforms;
}

const fieldsQuery = Type.Object({
  fields: Type.Optional(Type.Array(text("Attributes that are wanted."), { maxItems: 64 })),
});
const selectable = {
  attributes: platformAttributes,
  always: ["iotPlatformId", "enabled"],
  // As section 7.6.3.1 has it.
  aliases: { customServiceTransportInfo: "customServicesTransportInfo" },
};

/** Operations on registered IoT platforms (ETSI GS MEC 033 V3.1.1 sections 7.5 and 7.6). */
export function platformRoutes({ registry, platforms }: PlatformRoutesOptions): Route[] {
  /** One that may be changed. @throws Problem 404, 403 */
  function changeable(request: ApiRequest): { id: string; entry: Entry<IotPlatformInfo> } {
    const id = request.params.registeredIotPlatformId ?? "";
    if (platforms.isOwn(id)) throw nodesOwn(`platform ${id}`);
    const entry = registry.find(id);
    if (!entry) throw missing(id);
    registry.checkOwn(principalOf(request), entry, id);
    return { id, entry };
  }

  const fieldsOf = ({ query }: ApiRequest) =>
    createSelector(query.fields as string[] | undefined, selectable);
  function infoOf({ body }: ApiRequest): IotPlatformInfo {
    const info = known<PlatformRequest>(body, platformAttributes);
    return { ...info, enabled: info.enabled ?? true };
  }

  const path = "/registered_iot_platforms/{registeredIotPlatformId}";
  return [
    {
      method: "get",
      path: "/registered_iot_platforms",
      operationId: "registerediotplatformsGET",
      summary: "The IoT platforms: the node with its bus, and those that others have registered.",
      scope,
      query: fieldsQuery,
      responses: answers(ok(Type.Array(platformPartSchema)), 400),
      handle(request) {
        const select = fieldsOf(request);
        return { status: 200, body: platforms.list(request).map(select) };
      },
    },
    {
      method: "post",
      path: "/registered_iot_platforms",
      operationId: "registerediotplatformsPOST",
      summary: "Registers an IoT platform.",
      scope,
      body: platformRequestSchema,
      responses: answers(created(platformInfoSchema), 400),
      async handle(request) {
        const info = infoOf(request);
        const id = info.iotPlatformId;
        if (platforms.isOwn(id)) throw nodesOwn(`platform ${id}`);
        await registry.add(principalOf(request), id, info);
        const location = `${request.url.origin}${request.root}/registered_iot_platforms/${encodeURIComponent(id)}`;
        return whole(201, info, { location });
      },
    },
    {
      method: "get",
      path,
      operationId: "registerediotplatformsByIdGET",
      summary: "An IoT platform: its transports, and where its own services are.",
      scope,
      query: fieldsQuery,
      responses: answers({ 200: { ...ok(platformPartSchema)[200], headers: etagHeader } }, 400),
      handle(request) {
        const id = request.params.registeredIotPlatformId ?? "";
        const select = fieldsOf(request);
        const info = platforms.find(request, id);
        if (!info) throw missing(id);
        // The version is that of the resource, however much of it is shown.
        return { status: 200, headers: { etag: etagOf(info) }, body: select(info) };
      },
    },
    {
      method: "put",
      path,
      operationId: "registerediotplatformsByIdPUT",
      summary: "Changes an IoT platform that others have registered.",
      scope,
      body: platformRequestSchema,
      responses: answers({ 200: { ...ok(platformInfoSchema)[200], headers: etagHeader } }, 400, 412),
      async handle(request) {
        const { id, entry } = changeable(request);
        const info = infoOf(request);
        if (info.iotPlatformId !== id)
          throw badRequest(
            `iotPlatformId is ${JSON.stringify(info.iotPlatformId)}, the path says ${JSON.stringify(id)}`,
          );
        ifMatch(request, etagOf(entry.info), `platform ${id}`);
        await registry.replace(id, { ...entry, info });
        return whole(200, info);
      },
    },
    {
      method: "delete",
      path,
      operationId: "registerediotplatformsByIdDELETE",
      summary: "Takes an IoT platform out that others have registered.",
      scope,
      responses: answers(noContent),
      async handle(request) {
        const { id, entry } = changeable(request);
        ifMatch(request, etagOf(entry.info), `platform ${id}`);
        await registry.remove(principalOf(request), id);
        return { status: 204 };
      },
    },
  ];
}

function missing(id: string) {
  return notFound(`IoT platform ${id.slice(0, 256)}`);
}
