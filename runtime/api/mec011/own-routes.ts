/**
 * What the standard leaves to the platform, under a root of our own: credentials for the bus, and the beginning of an
 * application's end, which in ETSI's world a platform manager orders.
 */
import Type, { type Static } from "typebox";
import { created, noContent } from "../etsi-answers.ts";
import { oneOf, text } from "../etsi-words.ts";
import { forbidden } from "../http/problem.ts";
import type { ApiFamily } from "../http/route.ts";
import { type Apps, ownApp } from "./apps.ts";
import type { BusAccess } from "./bus-access.ts";
import { answers } from "./responses.ts";
import { type OperationAction, operationActions } from "./schema/subscription.ts";
import type { Termination } from "./termination.ts";

export const ownRoot = "/umec_apps/v1";

const credentialsRequestSchema = Type.Object({
  services: Type.Optional(
    Type.Array(text("serInstanceId"), {
      minItems: 1,
      maxItems: 64,
      description: "Only for these services; absent: for all that the application may use",
    }),
  ),
  lifetimeS: Type.Optional(Type.Integer({ minimum: 10, maximum: 0xffff_ffff, description: "At most a day" })),
});
type CredentialsRequest = Static<typeof credentialsRequestSchema>;

const subjects = (description: string) => Type.Array(Type.String(), { description });

const credentialsSchema = Type.Object(
  {
    urls: Type.Array(Type.String(), { description: "What to dial" }),
    creds: Type.String({ description: "Text of a credentials file of NATS: a user JWT and its seed" }),
    expiresAt: Type.String({ format: "date-time" }),
    publish: subjects("Subjects that may be published on"),
    subscribe: subjects("Subjects that may be subscribed to"),
  },
  { description: "Credentials for the bus; the seed is told once, and kept nowhere" },
);

const endSchema = Type.Object({
  operationAction: oneOf(operationActions, "STOPPING: it will come again. TERMINATING: it will not"),
  maxGracefulTimeout: Type.Integer({ minimum: 1, maximum: 3_600, description: "Seconds" }),
});

export function ownFamily(apps: Apps, bus: BusAccess, termination: Termination): ApiFamily {
  const path = "/applications/{appInstanceId}/bus_credentials";
  return {
    roots: [ownRoot],
    title: "Applications of a node",
    version: "1.0.0",
    routes: [
      {
        method: "post",
        path,
        operationId: "BusCredentialsPOST",
        summary: "Credentials for the bus, short-lived, of an application's own",
        scope: "mec_service_mgmt",
        body: credentialsRequestSchema,
        responses: answers(created(credentialsSchema), 503),
        async handle(request) {
          const app = ownApp(request, apps);
          const { grant, urls, creds, expiresAtMs } = await bus.grant(
            app,
            request.body as CredentialsRequest,
          );
          const body = { urls, creds, expiresAt: new Date(expiresAtMs).toISOString(), ...grant };
          return { status: 201, headers: { Location: request.url.href, "Cache-Control": "no-store" }, body };
        },
      },
      {
        method: "delete",
        path,
        operationId: "BusCredentialsDELETE",
        summary: "Void all that the application was given on the bus, and close its connections",
        scope: "mec_service_mgmt",
        responses: answers(noContent, 503),
        async handle(request) {
          await bus.revoke(ownApp(request, apps));
          return { status: 204 };
        },
      },
      {
        method: "post",
        path: "/applications/{appInstanceId}/end",
        operationId: "ApplicationEndPOST",
        summary: "End an application in grace; a person's matter",
        scope: "mec_app_support",
        body: endSchema,
        responses: answers({
          202: { description: "Accepted: it is told, or has ended as nobody is to be told" },
        }),
        async handle(request) {
          if (request.principal?.kind !== "user") throw forbidden("applications are ended by people");
          const app = ownApp(request, apps);
          const { operationAction, maxGracefulTimeout } = request.body as {
            operationAction: OperationAction;
            maxGracefulTimeout: number;
          };
          await termination.begin(app, operationAction, maxGracefulTimeout, request.principal.name);
          return { status: 202 };
        },
      },
    ],
  };
}
