import Type from "typebox";
import { answers, created, etagHeader, noContent, ok } from "../etsi-answers.ts";
import { text } from "../etsi-words.ts";
import { etagOf, ifMatch } from "../http/etag.ts";
import { badRequest, notFound } from "../http/problem.ts";
import type { ApiRequest, Route } from "../http/route.ts";
import type { ApiNode, Principal } from "../types.ts";
import { known, nodesOwn, principalOf, scope, whole } from "./answers.ts";
import { isEnabled, viewOf } from "./device-view.ts";
import { createSelector } from "./fields.ts";
import { parseFilter } from "./filter.ts";
import { deviceOf, findOwn, isVisible, ownDevices } from "./own-devices.ts";
import type { Platforms } from "./platforms.ts";
import type { Entry, Registry } from "./registry.ts";
import {
  type DeviceInfo,
  type DeviceRequest,
  deviceAttributes,
  deviceInfoSchema,
  devicePartSchema,
  deviceRequestSchema,
} from "./schema/device.ts";

export interface DeviceRoutesOptions {
  node: ApiNode;
  registry: Registry<DeviceRequest>;
  platforms: Platforms;
}

const requested = deviceAttributes.filter((name) => name !== "enabled");

/** Operations on registered devices (ETSI GS MEC 033 V3.1.1 sections 7.3 and 7.4). */
export function deviceRoutes({ node, registry, platforms }: DeviceRoutesOptions): Route[] {
  function view(request: ApiRequest, entry: Entry<DeviceRequest>): DeviceInfo {
    const principal = principalOf(request);
    return viewOf(
      principal,
      entry,
      isEnabled(entry.info, (id) => platforms.find(request, id)),
    );
  }

  const own = (info: DeviceRequest): Entry<DeviceRequest> => ({ info });

  /** As the asker sees it. @throws Problem 404 */
  function look(request: ApiRequest): DeviceInfo {
    const id = request.params.registeredDeviceId ?? "";
    const point = visiblePoint(principalOf(request), id);
    if (point) return view(request, own(deviceOf(node, point.plugin, point.point, principalOf(request))));
    const entry = registry.find(id);
    if (!entry) throw missing(id);
    return view(request, entry);
  }

  function visiblePoint(principal: Principal, id: string) {
    const found = findOwn(node, id);
    return found && isVisible(principal, found.plugin.name, found.point.name) ? found : undefined;
  }

  /** One that may be changed. @throws Problem 404, 403 */
  function changeable(request: ApiRequest): { id: string; entry: Entry<DeviceRequest> } {
    const id = request.params.registeredDeviceId ?? "";
    const principal = principalOf(request);
    if (visiblePoint(principal, id)) throw nodesOwn(`device ${id}`);
    const entry = registry.find(id);
    if (!entry) throw missing(id);
    registry.checkOwn(principal, entry, id);
    return { id, entry };
  }

  const path = "/registered_devices/{registeredDeviceId}";
  return [
    {
      method: "get",
      path: "/registered_devices",
      operationId: "registereddevicesGET",
      summary:
        "The devices: the node's points that the asker may use, and those that others have registered.",
      scope,
      query: Type.Object({
        filter: Type.Optional(
          text("Attribute-based filter (ETSI GS MEC 009 section 6.19), such as (eq,enabled,TRUE).", 2_048),
        ),
        fields: Type.Optional(Type.Array(text("Attributes that are wanted."), { maxItems: 64 })),
      }),
      responses: answers(ok(Type.Array(devicePartSchema)), 400),
      handle(request) {
        const { filter, fields } = request.query as { filter?: string; fields?: string[] };
        const fits = filter === undefined ? () => true : parseFilter(filter, deviceAttributes);
        const select = createSelector(fields, {
          attributes: deviceAttributes,
          always: ["deviceId", "enabled"],
        });
        const all = [...ownDevices(node, principalOf(request)).map(own), ...registry.list()];
        const body = all
          .map((entry) => view(request, entry))
          .filter(fits)
          .map(select);
        return { status: 200, body };
      },
    },
    {
      method: "post",
      path: "/registered_devices",
      operationId: "registereddevicesPOST",
      summary: "Registers a device.",
      scope,
      body: deviceRequestSchema,
      responses: answers(created(deviceInfoSchema), 400),
      async handle(request) {
        const info = known<DeviceRequest>(request.body, requested);
        // Whether the asker may see it or not: two of one name would be one too many.
        if (findOwn(node, info.deviceId)) throw nodesOwn(`device ${info.deviceId}`);
        const entry = await registry.add(principalOf(request), info.deviceId, info);
        const location = `${request.url.origin}${request.root}/registered_devices/${encodeURIComponent(info.deviceId)}`;
        return whole(201, view(request, entry), { location });
      },
    },
    {
      method: "get",
      path,
      operationId: "registereddevicesByIdGET",
      summary: "A device.",
      scope,
      responses: answers({ 200: { ...ok(deviceInfoSchema)[200], headers: etagHeader } }, 400),
      handle: (request) => whole(200, look(request)),
    },
    {
      method: "put",
      path,
      operationId: "registereddevicesByIdPUT",
      summary: "Changes a device that others have registered.",
      scope,
      body: deviceRequestSchema,
      responses: answers({ 200: { ...ok(deviceInfoSchema)[200], headers: etagHeader } }, 400, 412),
      async handle(request) {
        const { id, entry } = changeable(request);
        const info = known<DeviceRequest>(request.body, requested);
        if (info.deviceId !== id)
          throw badRequest(
            `deviceId is ${JSON.stringify(info.deviceId)}, the path says ${JSON.stringify(id)}`,
          );
        ifMatch(request, etagOf(view(request, entry)), `device ${id}`);
        const next = { ...entry, info };
        await registry.replace(id, next);
        return whole(200, view(request, next));
      },
    },
    {
      method: "delete",
      path,
      operationId: "registereddevicesByIdDELETE",
      summary: "Takes a device out that others have registered.",
      scope,
      responses: answers(noContent),
      async handle(request) {
        const { id, entry } = changeable(request);
        ifMatch(request, etagOf(view(request, entry)), `device ${id}`);
        await registry.remove(principalOf(request), id);
        return { status: 204 };
      },
    },
  ];
}

function missing(id: string) {
  return notFound(`device ${id.slice(0, 256)}`);
}
