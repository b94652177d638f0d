/**
 * A fixture: applications and what they have, at identifiers that are known beforehand. For conformance suites and for
 * trying things out: `umec api serve --fixture FILE`.
 *
 * ```json
 * { "apps": [ {
 *   "name": "weather-board", "appInstanceId": "5abe4782-2c70-4e47-9a4e-0ee3a1a0fd1f", "secret": "…",
 *   "appInfo": { "appName": "weather-board" },
 *   "services": [ { "serInstanceId": "…", "serName": "weather", "version": "1", "state": "ACTIVE",
 *     "serializer": "JSON", "transportId": "rest" } ],
 *   "availabilitySubscriptions": [ { "subscriptionId": "…", "callbackReference": "http://127.0.0.1:9000/",
 *     "subscriptionType": "SerAvailabilityNotificationSubscription" } ],
 *   "terminationSubscriptions": [ … ], "dnsRules": [ … ], "trafficRules": [ … ],
 *   "ending": { "operationAction": "TERMINATING", "maxGracefulTimeout": 3600 } } ] }
 * ```
 *
 * Rules are written as ETSI writes them; the other bodies are those of the requests, with their identifiers. An
 * application that is `ending` can confirm that once, and with TERMINATING loses the rest: give it one of its own.
 */
import { createHash } from "node:crypto";
import Type, { type Static } from "typebox";
import { oneOf } from "../etsi-words.ts";
import { type AppDnsRule, type AppTarget, type Scope, scopes } from "../types.ts";
import { dnsRuleSchema, trafficRuleSchema } from "./schema/rule.ts";
import { serviceRequestSchema } from "./schema/service.ts";
import {
  availabilityRequestSchema,
  operationActions,
  terminationRequestSchema,
} from "./schema/subscription.ts";
import { appInfoSchema } from "./schema/support.ts";

const id = (description: string) => Type.String({ minLength: 1, maxLength: 256, description });
const texts = (description: string) => Type.Optional(Type.Array(Type.String(), { description }));
const many = <T extends Type.TSchema>(schema: T) => Type.Optional(Type.Array(schema));
const subscriptionId = Type.Object({ subscriptionId: id("Identifier of the subscription") });

const appSchema = Type.Object(
  {
    name: id("Name of the application, and its client id"),
    appInstanceId: id("Identifier of its instance"),
    secret: Type.Optional(Type.String({ description: "Its client secret. Absent: it gets no token" })),
    scopes: Type.Optional(Type.Array(oneOf(scopes, "Scope"), { description: "All when absent" })),
    read: texts("Patterns plugin/point that it may read; all when absent"),
    write: texts("Patterns plugin/point that it may command; none when absent"),
    publish: texts("Subjects of the bus that it may publish on, such as app.weather.>"),
    subscribe: texts("Subjects of the bus that it may subscribe to"),
    appInfo: Type.Optional(appInfoSchema),
    ready: Type.Optional(Type.Boolean({ description: "It has confirmed that it is ready" })),
    ending: Type.Optional(
      Type.Object({
        operationAction: oneOf(operationActions, "What is under way and can be confirmed"),
        maxGracefulTimeout: Type.Integer({ minimum: 1 }),
      }),
    ),
    services: many(Type.Intersect([serviceRequestSchema, Type.Object({ serInstanceId: id("Identifier") })])),
    availabilitySubscriptions: many(Type.Intersect([availabilityRequestSchema, subscriptionId])),
    terminationSubscriptions: many(Type.Intersect([terminationRequestSchema, subscriptionId])),
    dnsRules: many(dnsRuleSchema),
    trafficRules: many(trafficRuleSchema),
  },
  { additionalProperties: false },
);

export const fixtureSchema = Type.Object({ apps: Type.Array(appSchema) }, { additionalProperties: false });
export type Fixture = Static<typeof fixtureSchema>;
export type FixtureApp = Static<typeof appSchema>;

/** So long is an address kept when a rule does not say: short, as rules come and go. */
const ttlS = 30;

/** The fixture's applications as the target state would have them: what tokens are made for. */
export function fixtureApps(fixture: Fixture): AppTarget[] {
  return fixture.apps.map((app) => ({
    name: app.name,
    appInstanceId: app.appInstanceId,
    ...(app.secret === undefined
      ? {}
      : { secretSha256: createHash("sha256").update(app.secret).digest("hex") }),
    scopes: (app.scopes as Scope[] | undefined) ?? scopes,
    read: app.read ?? ["**"],
    write: app.write ?? [],
    bus: { publish: app.publish ?? [], subscribe: app.subscribe ?? [] },
    dnsRules: (app.dnsRules ?? []).map(({ ttl, state, ...rule }): AppDnsRule => {
      return { ...rule, ttlS: ttl ?? ttlS, active: state === "ACTIVE" };
    }),
    // Their form is ETSI's and may say more than can be enforced: see rules.ts.
    trafficRules: [],
  }));
}
