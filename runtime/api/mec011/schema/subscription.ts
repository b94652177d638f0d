/** Subscriptions and notifications of both APIs (ETSI GS MEC 011 V3.1.1 sections 7.1.3, 7.1.4, 8.1.3 and 8.1.4). */
import Type, { type Static } from "typebox";
import { oneOf, text } from "../../etsi-words.ts";
import { type ServiceState, serviceStates } from "./service.ts";
import { categoryRefSchema, linkSchema, timeStampSchema } from "./words.ts";

const subscriptionWords = {
  callbackReference: Type.String({
    minLength: 1,
    maxLength: 2_048,
    format: "uri",
    description: "Where notifications go, by POST",
  }),
  requestTestNotification: Type.Optional(
    Type.Boolean({ description: "Send a TestNotification at once (ETSI GS MEC 009 section 6.12)" }),
  ),
  expiryDeadline: Type.Optional(timeStampSchema),
};
const links = { _links: Type.Object({ self: linkSchema }) };

const some = <T extends Type.TSchema>(schema: T) => Type.Optional(Type.Array(schema, { maxItems: 64 }));

export const filteringCriteriaSchema = Type.Object(
  {
    serInstanceIds: some(text("Identifier of a service")),
    serNames: some(text("Name of a service")),
    serCategories: some(categoryRefSchema),
    states: some(oneOf(serviceStates, "State after the change")),
    isLocal: Type.Optional(Type.Boolean()),
  },
  {
    description: "All that are given must fit; of serInstanceIds, serNames and serCategories only one may be",
  },
);
export type FilteringCriteria = Static<typeof filteringCriteriaSchema>;

const availabilityWords = {
  subscriptionType: oneOf(
    ["SerAvailabilityNotificationSubscription"],
    "SerAvailabilityNotificationSubscription",
  ),
  ...subscriptionWords,
  filteringCriteria: Type.Optional(filteringCriteriaSchema),
};
export const availabilityRequestSchema = Type.Object(availabilityWords);
export const availabilitySubscriptionSchema = Type.Object({ ...availabilityWords, ...links });

const terminationWords = {
  subscriptionType: oneOf(
    ["AppTerminationNotificationSubscription"],
    "AppTerminationNotificationSubscription",
  ),
  ...subscriptionWords,
  appInstanceId: text("The application whose end is told: the subscriber itself"),
};
export const terminationRequestSchema = Type.Object(terminationWords);
export const terminationSubscriptionSchema = Type.Object({ ...terminationWords, ...links });

/** V2.1.1 calls it `rel`, V3.1.1 `subscriptionType`: both are there. */
const subscriptionLinkSchema = Type.Object({
  href: Type.String({ format: "uri" }),
  rel: Type.String(),
  subscriptionType: Type.String(),
});
export const subscriptionListSchema = Type.Object(
  { _links: Type.Object({ self: linkSchema, subscriptions: Type.Array(subscriptionLinkSchema) }) },
  { description: "Links to an application's subscriptions (section 6.2.2)" },
);

export const changeTypes = ["ADDED", "REMOVED", "STATE_CHANGED", "ATTRIBUTES_CHANGED"] as const;
export type ChangeType = (typeof changeTypes)[number];

const toSubscription = { subscription: linkSchema };

export const availabilityNotificationSchema = Type.Object({
  notificationType: oneOf(["SerAvailabilityNotification"], "SerAvailabilityNotification"),
  serviceReferences: Type.Array(
    Type.Object({
      link: Type.Optional(linkSchema),
      serName: Type.String(),
      serInstanceId: Type.String(),
      state: oneOf<readonly ServiceState[]>(serviceStates, "State after the change"),
      changeType: oneOf(changeTypes, "What changed"),
    }),
  ),
  _links: Type.Object(toSubscription),
});
export type AvailabilityNotification = Static<typeof availabilityNotificationSchema>;

export const operationActions = ["STOPPING", "TERMINATING"] as const;
export type OperationAction = (typeof operationActions)[number];

export const terminationNotificationSchema = Type.Object({
  notificationType: oneOf(["AppTerminationNotification"], "AppTerminationNotification"),
  operationAction: oneOf(operationActions, "What is being done"),
  maxGracefulTimeout: Type.Integer({ minimum: 1, description: "Seconds until it is done anyhow" }),
  _links: Type.Object({ ...toSubscription, confirmTermination: Type.Optional(linkSchema) }),
});
export type TerminationNotification = Static<typeof terminationNotificationSchema>;
