/** An application says that it is up, or that it has ended (ETSI GS MEC 011 V3.1.1 sections 7.2.11 and 7.2.12). */

import { noContent } from "../etsi-answers.ts";
import type { Route } from "../http/route.ts";
import { type Apps, ownApp } from "./apps.ts";
import { answers } from "./responses.ts";
import type { OperationAction } from "./schema/subscription.ts";
import { readyConfirmationSchema, terminationConfirmationSchema } from "./schema/support.ts";
import type { Termination } from "./termination.ts";

export function readinessRoutes(apps: Apps, termination: Termination): Route[] {
  const scope = "mec_app_support";
  return [
    {
      method: "post",
      path: "/applications/{appInstanceId}/confirm_termination",
      operationId: "ApplicationsConfirmterminationPOSTAppinstanceid",
      summary: "The application has put its things in order, and may be ended",
      scope,
      body: terminationConfirmationSchema,
      responses: answers(noContent, 409),
      async handle(request) {
        const app = ownApp(request, apps);
        const { operationAction } = request.body as { operationAction: OperationAction };
        await termination.confirm(app, operationAction);
        return { status: 204 };
      },
    },
    {
      method: "post",
      path: "/applications/{appInstanceId}/confirm_ready",
      operationId: "ApplicationsConfirmreadyPOSTAppinstanceid",
      summary: "The application is up",
      scope,
      body: readyConfirmationSchema,
      responses: answers(noContent, 409),
      async handle(request) {
        await termination.ready(ownApp(request, apps));
        return { status: 204 };
      },
    },
  ];
}
