/** Operations on services, transports and liveness (ETSI GS MEC 011 V3.1.1 sections 8.2.3 to 8.2.7 and 8.2.10). */

import Type from "typebox";
import { created, noContent, ok } from "../etsi-answers.ts";
import { notFound } from "../http/problem.ts";
import type { ApiRequest, Route } from "../http/route.ts";
import { type Apps, ownApp } from "./apps.ts";
import { baseOf, serviceHref } from "./links.ts";
import type { Liveness } from "./liveness.ts";
import { answers, okVersioned } from "./responses.ts";
import {
  livenessInfoSchema,
  livenessUpdateSchema,
  type ServiceQuery,
  type ServiceRequest,
  serviceInfoSchema,
  serviceQuerySchema,
  serviceRequestSchema,
} from "./schema/service.ts";
import { transportInfoSchema } from "./schema/words.ts";
import { checkServiceQuery, fitsQuery } from "./service-filter.ts";
import { showService } from "./service-record.ts";
import type { Services, StoredService } from "./services.ts";
import type { Transports } from "./transports.ts";

const scope = "mec_service_mgmt";

export function serviceRoutes(options: {
  apps: Apps;
  services: Services;
  transports: Transports;
  liveness: Liveness;
}): Route[] {
  const { apps, services, transports, liveness } = options;

  const show = (request: ApiRequest, { id, value }: StoredService, to: "producer" | "all") =>
    showService(id, value, transports, baseOf(request), to);

  function select(request: ApiRequest, from: readonly StoredService[], to: "producer" | "all") {
    const query = request.query as ServiceQuery;
    checkServiceQuery(query);
    const shown = from.map((stored) => show(request, stored, to));
    return { status: 200, body: shown.filter((service) => fitsQuery(service, query)) };
  }

  function whole(request: ApiRequest, stored: StoredService, to: "producer" | "all") {
    return { status: 200, headers: { ETag: stored.etag }, body: show(request, stored, to) };
  }

  /** The service whose liveness the path names. */
  function watched(request: ApiRequest): StoredService {
    const stored = services.find(request.params.serviceId ?? "");
    if (stored.value.service.livenessInterval === undefined)
      throw notFound(`liveness of service ${stored.id}`);
    ownApp({ principal: request.principal, params: { appInstanceId: stored.value.app } }, apps);
    return stored;
  }

  return [
    {
      method: "get",
      path: "/services",
      operationId: "ServicesGET",
      summary: "Services of all applications",
      scope,
      query: serviceQuerySchema,
      responses: answers(ok(Type.Array(serviceInfoSchema)), 414),
      handle: (request) => select(request, services.list(), "all"),
    },
    {
      method: "get",
      path: "/services/{serviceId}",
      operationId: "ServicesGETServiceid",
      summary: "One service",
      scope,
      responses: answers(okVersioned(serviceInfoSchema)),
      handle: (request) => whole(request, services.find(request.params.serviceId ?? ""), "all"),
    },
    {
      method: "get",
      path: "/transports",
      operationId: "TransportsGET",
      summary: "Transports that the platform offers",
      scope,
      responses: answers(ok(Type.Array(transportInfoSchema))),
      handle: () => ({ status: 200, body: transports.list() }),
    },
    {
      method: "get",
      path: "/applications/{appInstanceId}/services",
      operationId: "ApplicationsServicesGETAppinstanceid",
      summary: "Services that the application produces",
      scope,
      query: serviceQuerySchema,
      responses: answers(ok(Type.Array(serviceInfoSchema)), 414),
      handle: (request) => select(request, services.of(ownApp(request, apps)), "producer"),
    },
    {
      method: "post",
      path: "/applications/{appInstanceId}/services",
      operationId: "ApplicationsServicesPOSTAppinstanceid",
      summary: "Register a service",
      scope,
      body: serviceRequestSchema,
      responses: answers(created(serviceInfoSchema)),
      async handle(request) {
        const app = ownApp(request, apps);
        const stored = await services.create(app, request.body as ServiceRequest);
        const location = serviceHref(baseOf(request), app, stored.id);
        const headers = { Location: location, ETag: stored.etag };
        return { status: 201, headers, body: show(request, stored, "producer") };
      },
    },
    {
      method: "get",
      path: "/applications/{appInstanceId}/services/{serviceId}",
      operationId: "ApplicationsServicesGETAppinstanceidServiceid",
      summary: "One service that the application produces",
      scope,
      responses: answers(okVersioned(serviceInfoSchema)),
      handle: (request) => whole(request, own(request), "producer"),
    },
    {
      method: "put",
      path: "/applications/{appInstanceId}/services/{serviceId}",
      operationId: "ApplicationsServicesPUTAppinstanceidServiceid",
      summary: "Change a service",
      scope,
      body: serviceRequestSchema,
      responses: answers(okVersioned(serviceInfoSchema), 412),
      async handle(request) {
        const stored = await services.update(own(request), request.body as ServiceRequest, request);
        return whole(request, stored, "producer");
      },
    },
    {
      method: "delete",
      path: "/applications/{appInstanceId}/services/{serviceId}",
      operationId: "ApplicationsServicesDELETEAppinstanceidServiceid",
      summary: "Remove a service",
      scope,
      responses: answers(noContent),
      async handle(request) {
        await services.remove(own(request));
        return { status: 204 };
      },
    },
    {
      method: "get",
      path: "/services/{serviceId}/liveness",
      operationId: "ResourceuriallocatedbymecplatformGET",
      summary: "Whether a service is alive; its URI is told in _links.liveness",
      scope,
      responses: answers(okVersioned(livenessInfoSchema)),
      handle(request) {
        const stored = watched(request);
        return { status: 200, headers: { ETag: liveness.etagOf(stored) }, body: liveness.show(stored) };
      },
    },
    {
      method: "patch",
      path: "/services/{serviceId}/liveness",
      operationId: "ResourceuriallocatedbymecplatformPATCH",
      summary: "A heartbeat of a service: 204, or 200 with the interval when it had been suspended",
      scope,
      body: livenessUpdateSchema,
      bodyTypes: ["application/json", "application/merge-patch+json"],
      responses: answers({ ...okVersioned(livenessInfoSchema), ...noContent }, 412),
      async handle(request) {
        const stored = watched(request);
        const wasSuspended = await liveness.beat(stored, request);
        const after = services.find(stored.id);
        const headers = { ETag: liveness.etagOf(after) };
        return wasSuspended ? { status: 200, headers, body: liveness.show(after) } : { status: 204, headers };
      },
    },
  ];

  function own(request: ApiRequest): StoredService {
    return services.find(request.params.serviceId ?? "", ownApp(request, apps));
  }
}
