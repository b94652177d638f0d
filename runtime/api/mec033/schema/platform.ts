/** IoT platforms (ETSI GS MEC 033 V3.1.1 sections 6.2.3 and 6.2.4). */
import Type, { type Static } from "typebox";
import { texts } from "../../etsi-words.ts";
import { transportWords } from "./words.ts";

export const mbTransportInfoSchema = Type.Object(
  {
    ...transportWords,
    implSpecificInfo: Type.Object(
      {
        eventTopics: Type.Optional(texts("Topic with events of sessions", 1_000)),
        uplinkTopics: Type.Optional(texts("Topic with data of devices", 1_000)),
        downlinkTopics: Type.Optional(texts("Topic with data for devices", 1_000)),
      },
      { description: "The topics of the transport" },
    ),
  },
  { description: "A message bus that devices and applications use" },
);
export type MbTransportInfo = Static<typeof mbTransportInfoSchema>;

export const transportInfoSchema = Type.Object(
  { ...transportWords, implSpecificInfo: Type.Optional(Type.Unknown({ description: "What is its own" })) },
  { description: "Where a platform's own services are reached (as in ETSI GS MEC 011)" },
);
export type TransportInfo = Static<typeof transportInfoSchema>;

const words = {
  iotPlatformId: Type.String({ minLength: 1, maxLength: 256, description: "Identifier of the platform" }),
  userTransportInfo: Type.Array(mbTransportInfoSchema, { minItems: 1, maxItems: 16 }),
  customServicesTransportInfo: Type.Optional(Type.Array(transportInfoSchema, { maxItems: 16 })),
};
const enabled = Type.Boolean({ description: "Whether the platform can provide what it describes" });

export const platformInfoSchema = Type.Object({ ...words, enabled }, { description: "An IoT platform" });
export type IotPlatformInfo = Static<typeof platformInfoSchema>;

/** As it is registered: a platform that does not say otherwise is enabled. */
export const platformRequestSchema = Type.Object(
  { ...words, enabled: Type.Optional(enabled) },
  { description: "An IoT platform to be registered" },
);
export type PlatformRequest = Static<typeof platformRequestSchema>;

/** What `fields` leaves of it. */
export const platformPartSchema = Type.Object(
  { ...Type.Partial(Type.Object(words)).properties, iotPlatformId: words.iotPlatformId, enabled },
  { description: "An IoT platform, or the part of it that was asked for" },
);

export const platformAttributes = [...Object.keys(words), "enabled"] as const;
