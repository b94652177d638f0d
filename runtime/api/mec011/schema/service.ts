/** Services (ETSI GS MEC 011 V3.1.1 section 8.1.2). */
import Type, { type Static } from "typebox";
import { oneOf, serializerTypes, text } from "../../etsi-words.ts";
import { categoryRefSchema, linkSchema, timeStampSchema, transportInfoSchema } from "./words.ts";

export const serviceStates = ["ACTIVE", "INACTIVE", "SUSPENDED"] as const;
export type ServiceState = (typeof serviceStates)[number];
export const localities = ["MEC_SYSTEM", "MEC_HOST", "NFVI_POP", "ZONE", "ZONE_GROUP", "NFVI_NODE"] as const;

const stateSchema = oneOf(serviceStates, "State of the service");

const serviceWords = {
  serName: Type.String({ description: "Name of the service", minLength: 1, maxLength: 128 }),
  serCategory: Type.Optional(categoryRefSchema),
  version: text("Version of the service", 64),
  state: stateSchema,
  serializer: oneOf(serializerTypes, "How its data are written"),
  scopeOfLocality: Type.Optional(oneOf(localities, "What local means; MEC_HOST when absent")),
  consumedLocalOnly: Type.Optional(
    Type.Boolean({ description: "Only applications of the same locality may consume it; true when absent" }),
  ),
  isLocal: Type.Optional(Type.Boolean({ description: "It is in the consumer's locality" })),
  livenessInterval: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 0xffff_ffff,
      description: "Seconds between two heartbeats; 0 in a request leaves the choice to the platform",
    }),
  ),
};

/** In requests. `serInstanceId` and `_links` are let be, and ignored. */
export const serviceRequestSchema = Type.Object(
  {
    ...serviceWords,
    transportId: Type.Optional(text("Identifier of one of the platform's transports")),
    transportInfo: Type.Optional(transportInfoSchema),
  },
  { description: "A service to be: with either transportId or transportInfo" },
);
export type ServiceRequest = Static<typeof serviceRequestSchema>;

export const serviceInfoSchema = Type.Object(
  {
    serInstanceId: Type.String({ description: "Identifier of the service" }),
    ...serviceWords,
    transportInfo: transportInfoSchema,
    _links: Type.Object({ self: linkSchema, liveness: Type.Optional(linkSchema) }),
  },
  { description: "A service (section 8.1.2.2)" },
);
export type ServiceInfo = Static<typeof serviceInfoSchema>;

const list = (description: string) => Type.Optional(Type.Array(Type.String(), { description }));

export const serviceQuerySchema = Type.Object({
  ser_instance_id: list("Identifiers of services"),
  ser_name: list("Names of services"),
  ser_category_id: list("Identifiers of categories"),
  scope_of_locality: Type.Optional(oneOf(localities, "Scope of locality")),
  consumed_local_only: Type.Optional(Type.Boolean()),
  is_local: Type.Optional(Type.Boolean()),
});
export type ServiceQuery = Static<typeof serviceQuerySchema>;

/** Section 8.1.2.4. */
export const livenessInfoSchema = Type.Object(
  {
    state: stateSchema,
    timeStamp: timeStampSchema,
    interval: Type.Integer({ minimum: 1, description: "Seconds between two heartbeats" }),
  },
  { description: "Whether a service is alive; the time is that of its last heartbeat" },
);

/** Section 8.1.2.5. */
export const livenessUpdateSchema = Type.Object(
  { state: oneOf(["ACTIVE"], "ACTIVE") },
  { description: "A heartbeat" },
);
