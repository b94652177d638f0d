/** Operations on subscriptions, the same in both APIs (ETSI GS MEC 011 V3.1.1 sections 7.2.3, 7.2.4, 8.2.8, 8.2.9). */
import type { TObject } from "typebox";
import { created, noContent, ok } from "../etsi-answers.ts";
import type { ApiRequest, Route } from "../http/route.ts";
import type { Scope, Stored } from "../types.ts";
import { type Apps, ownApp } from "./apps.ts";
import { baseOf, subscriptionHref } from "./links.ts";
import { answers, okVersioned } from "./responses.ts";
import { subscriptionListSchema } from "./schema/subscription.ts";
import type { SubscriptionBody, SubscriptionRecord, Subscriptions } from "./subscriptions.ts";

export interface SubscriptionRoutesOptions<T extends SubscriptionBody> {
  scope: Scope;
  apps: Apps;
  subscriptions: Subscriptions<T>;
  requestSchema: TObject;
  schema: TObject;
  /** @throws Problem 400 */
  check(app: string, body: T): void;
}

export function subscriptionRoutes<T extends SubscriptionBody>(
  options: SubscriptionRoutesOptions<T>,
): Route[] {
  const { scope, apps, subscriptions, requestSchema, schema, check } = options;
  const all = "/applications/{appInstanceId}/subscriptions";
  const one = `${all}/{subscriptionId}`;

  function show(request: ApiRequest, { id, value }: Stored<SubscriptionRecord<T>>) {
    const href = subscriptionHref(baseOf(request), value.app, id);
    return { href, body: { ...value.subscription, _links: { self: { href } } } };
  }

  const find = (request: ApiRequest) =>
    subscriptions.find(request.params.subscriptionId ?? "", ownApp(request, apps));

  return [
    {
      method: "get",
      path: all,
      operationId: "ApplicationsSubscriptionsGETAppinstanceid",
      summary: "Links to the application's subscriptions",
      scope,
      responses: answers(ok(subscriptionListSchema)),
      handle(request) {
        const app = ownApp(request, apps);
        const links = subscriptions.of(app).map((item) => {
          const { subscriptionType } = item.value.subscription;
          return { href: show(request, item).href, rel: subscriptionType, subscriptionType };
        });
        const self = { href: `${baseOf(request)}${all.replace("{appInstanceId}", encodeURIComponent(app))}` };
        return { status: 200, body: { _links: { self, subscriptions: links } } };
      },
    },
    {
      method: "post",
      path: all,
      operationId: "ApplicationsSubscriptionsPOSTAppinstanceid",
      summary: "Subscribe",
      scope,
      body: requestSchema,
      responses: answers(created(schema)),
      async handle(request) {
        const app = ownApp(request, apps);
        const body = request.body as T;
        check(app, body);
        const item = await subscriptions.create(app, body);
        const { href, body: shown } = show(request, item);
        return { status: 201, headers: { Location: href, ETag: item.etag }, body: shown };
      },
    },
    {
      method: "get",
      path: one,
      operationId: "ApplicationsSubscriptionsGETAppinstanceidSubscriptionid",
      summary: "One subscription",
      scope,
      responses: answers(okVersioned(schema)),
      handle(request) {
        const item = find(request);
        return { status: 200, headers: { ETag: item.etag }, body: show(request, item).body };
      },
    },
    {
      method: "delete",
      path: one,
      operationId: "ApplicationsSubscriptionsDELETEAppinstanceidSubscriptionid",
      summary: "Unsubscribe",
      scope,
      responses: answers(noContent),
      async handle(request) {
        await subscriptions.remove(find(request));
        return { status: 204 };
      },
    },
  ];
}
