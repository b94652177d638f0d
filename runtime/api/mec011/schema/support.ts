/** Readiness, registration and time (ETSI GS MEC 011 V3.1.1 section 7.1). */
import Type, { type Static } from "typebox";
import { oneOf, serializerTypes, text } from "../../etsi-words.ts";
import { operationActions } from "./subscription.ts";
import {
  categoryRefSchema,
  endPointInfoSchema,
  timeStampSchema,
  transportDescriptorSchema,
  uint32,
} from "./words.ts";

export const readyConfirmationSchema = Type.Object({ indication: oneOf(["READY"], "READY") });

export const terminationConfirmationSchema = Type.Object({
  operationAction: oneOf(operationActions, "As the notification said"),
});

const few = <T extends Type.TSchema>(schema: T) => Type.Optional(Type.Array(schema, { maxItems: 32 }));

/** ETSI GS MEC 010-2 section 6.2.1.18. */
const transportDependencySchema = Type.Object({
  transport: transportDescriptorSchema,
  serializers: Type.Array(oneOf(serializerTypes, "Serializer"), { minItems: 1, maxItems: 8 }),
  labels: Type.Array(text("Label"), { minItems: 1, maxItems: 32 }),
});

/** ETSI GS MEC 010-2 section 6.2.1.17. */
const serviceDependencySchema = Type.Object({
  serName: text("Name of the service"),
  serCategory: Type.Optional(categoryRefSchema),
  version: text("Version of the service"),
  serTransportDependencies: few(transportDependencySchema),
  requestedPermissions: Type.Optional(Type.Unknown()),
});

const featureDependencySchema = Type.Object({ featureName: text("Feature"), version: text("Its version") });

export const appInfoSchema = Type.Object(
  {
    appName: Type.String({ minLength: 1, maxLength: 256, description: "Name of the application" }),
    appProvider: Type.Optional(text("Who makes it")),
    appCategory: Type.Optional(categoryRefSchema),
    appDId: Type.Optional(text("Identifier of its descriptor")),
    appInstanceId: Type.Optional(
      text("Identifier of its instance; the platform gives one when it is absent"),
    ),
    endpoint: Type.Optional(endPointInfoSchema),
    appServiceRequired: few(serviceDependencySchema),
    appServiceOptional: few(serviceDependencySchema),
    appFeatureRequired: few(featureDependencySchema),
    appFeatureOptional: few(featureDependencySchema),
    isInsByMec: Type.Optional(Type.Boolean({ description: "MEC management started it; false when absent" })),
    appProfile: Type.Optional(Type.Object({}, { description: "ETSI TS 129 558" })),
  },
  { description: "An application (section 7.1.2.6)" },
);
export type AppInfo = Static<typeof appInfoSchema>;

export const currentTimeSchema = Type.Object(
  {
    seconds: Type.Integer(uint32),
    nanoSeconds: Type.Integer(uint32),
    timeSourceStatus: oneOf(
      ["TRACEABLE", "NONTRACEABLE"],
      "TRACEABLE: a time service disciplines the clock now, and it traces to UTC",
    ),
  },
  { description: "The node's time (section 7.1.2.5)" },
);

const ntpServerSchema = Type.Object({
  ntpServerAddrType: oneOf(["IP_ADDRESS", "DNS_NAME"], "Type of the address"),
  ntpServerAddr: text("Address"),
  minPollingInterval: Type.Integer({ minimum: 3, maximum: 17, description: "Power of two, in seconds" }),
  maxPollingInterval: Type.Integer({ minimum: 3, maximum: 17, description: "Power of two, in seconds" }),
  localPriority: Type.Integer(uint32),
  authenticationOption: oneOf(["NONE", "SYMMETRIC_KEY", "AUTO_KEY"], "Authentication"),
  authenticationKeyNum: Type.Integer(uint32),
});

const ptpMasterSchema = Type.Object({
  ptpMasterIpAddress: text("Address"),
  ptpMasterLocalPriority: Type.Integer(uint32),
  delayReqMaxRate: Type.Integer(uint32),
});

export const timingCapsSchema = Type.Object(
  {
    timeStamp: Type.Optional(timeStampSchema),
    ntpServers: Type.Optional(Type.Array(ntpServerSchema)),
    ptpMasters: Type.Optional(Type.Array(ptpMasterSchema)),
  },
  { description: "Where applications can have the time from (section 7.1.2.4)" },
);
