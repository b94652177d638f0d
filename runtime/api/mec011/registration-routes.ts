/**
 * Applications register (ETSI GS MEC 011 V3.1.1 sections 7.2.13 and 7.2.14).
 *
 * An application of the target state registers itself, under the identifier that it has; doing it again, as after a
 * restart of its own, replaces what it said. A person may register one that the target state does not know: it gets an
 * identifier, and goes with all that it had when its registration is deleted.
 */
import { randomUUID } from "node:crypto";
import { created, noContent } from "../etsi-answers.ts";
import { ifMatch } from "../http/etag.ts";
import { badRequest, forbidden, notFound } from "../http/problem.ts";
import type { ApiRequest, Route } from "../http/route.ts";
import type { ApiStore } from "../types.ts";
import { type AppRecord, type Apps, ownApp } from "./apps.ts";
import { kinds, type Mec011Limits } from "./context.ts";
import { checkCount, checkSize, pick } from "./documents.ts";
import { baseOf } from "./links.ts";
import { answers, okVersioned } from "./responses.ts";
import { type AppInfo, appInfoSchema } from "./schema/support.ts";

const scope = "mec_app_support";

/** A UUID fits, and so does what else can be one part of a path. */
const guestSyntax = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$/;

export function registrationRoutes(options: {
  apps: Apps;
  store: ApiStore;
  limits: Mec011Limits;
  /** All that a guest had is removed. */
  clear(app: string): Promise<void>;
}): Route[] {
  const { apps, store, limits, clear } = options;

  function accept(app: string, body: AppInfo): AppInfo {
    const info = { ...pick(body, appInfoSchema), appInstanceId: app };
    if (body.isInsByMec === false && body.endpoint === undefined)
      throw badRequest(
        "endpoint is missing",
        "an application that MEC management did not start must say where it is",
      );
    checkSize(info, limits.documentBytes, "the registration");
    return info;
  }

  /** Who is registered: the application itself, or the one that a person names. */
  function registrant({ principal, body }: ApiRequest): { app: string; guest: boolean } {
    const { appInstanceId } = body as AppInfo;
    if (principal?.kind === "app") {
      const own = principal.appInstanceId;
      if (own === undefined || !apps.isKnown(own))
        throw forbidden(`${principal.name} is no application of this node`);
      if ((appInstanceId ?? own) !== own)
        throw forbidden(`application instance ${appInstanceId} is not ${principal.name}`);
      return { app: own, guest: false };
    }
    const app = appInstanceId ?? randomUUID();
    if (!guestSyntax.test(app))
      throw badRequest(
        `appInstanceId ${JSON.stringify(app)} can't be used`,
        "give a UUID, or none: then one is made",
      );
    if (apps.target(app) || apps.record(app).guest) return { app, guest: apps.record(app).guest === true };
    checkCount(apps.recorded().filter((id) => apps.record(id).guest).length, limits.guests, "guests");
    return { app, guest: true };
  }

  function find(request: ApiRequest) {
    const app = ownApp(request, apps);
    const stored = store.get<AppRecord>(kinds.app, app);
    if (!stored?.value.info) throw notFound(`registration of application instance ${app}`);
    return { app, record: stored.value, info: stored.value.info, etag: stored.etag };
  }

  return [
    {
      method: "post",
      path: "/registrations",
      operationId: "RegistrationsPOST",
      summary: "Register an application",
      scope,
      body: appInfoSchema,
      responses: answers(created(appInfoSchema)),
      async handle(request) {
        const { app, guest } = registrant(request);
        const info = accept(app, request.body as AppInfo);
        await apps.keep(app, { ...apps.record(app), info, ...(guest ? { guest } : {}) });
        const location = `${baseOf(request)}/registrations/${encodeURIComponent(app)}`;
        const etag = store.get(kinds.app, app)?.etag ?? "";
        return { status: 201, headers: { Location: location, ETag: etag }, body: info };
      },
    },
    {
      method: "get",
      path: "/registrations/{appInstanceId}",
      operationId: "RegistrationsGETAppinstanceid",
      summary: "An application's registration",
      scope,
      responses: answers(okVersioned(appInfoSchema)),
      handle(request) {
        const { info, etag } = find(request);
        return { status: 200, headers: { ETag: etag }, body: info };
      },
    },
    {
      method: "put",
      path: "/registrations/{appInstanceId}",
      operationId: "RegistrationsPUTAppinstanceid",
      summary: "Change an application's registration",
      scope,
      body: appInfoSchema,
      responses: answers(noContent, 412),
      async handle(request) {
        const { app, record, etag } = find(request);
        const body = request.body as AppInfo;
        if ((body.appInstanceId ?? app) !== app)
          throw badRequest(`appInstanceId is ${body.appInstanceId}, and ${app} in the path`);
        ifMatch(request, etag, `registration of application instance ${app}`);
        await apps.keep(app, { ...record, info: accept(app, body) });
        return { status: 204 };
      },
    },
    {
      method: "delete",
      path: "/registrations/{appInstanceId}",
      operationId: "RegistrationsDELETEAppinstanceid",
      summary: "Deregister an application",
      scope,
      responses: answers(noContent),
      async handle(request) {
        const { app, record } = find(request);
        const { info: _gone, ...rest } = record;
        if (record.guest) await clear(app);
        await apps.keep(app, record.guest ? {} : rest);
        return { status: 204 };
      },
    },
  ];
}
