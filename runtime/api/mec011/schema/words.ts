/**
 * Types that both APIs of ETSI GS MEC 011 use. Bodies and enumerations are those of V2.1.1 with what V3.1.1 adds;
 * the lengths are ours. Attributes that nobody knows are let be in requests, and dropped.
 */
import Type, { type Static } from "typebox";
import {
  addressSchema,
  endPointWays,
  oAuth2InfoSchema,
  oneOf,
  text,
  texts,
  transportTypes,
} from "../../etsi-words.ts";

export const linkSchema = Type.Object(
  { href: Type.String({ format: "uri", description: "URI of a resource" }) },
  { description: "A link (section 6.3.2)" },
);

export const uint32 = { minimum: 0, maximum: 0xffff_ffff };

export const timeStampSchema = Type.Object(
  {
    seconds: Type.Integer({ ...uint32, description: "Unix time, the whole seconds" }),
    nanoSeconds: Type.Integer({ ...uint32, description: "what is beyond them" }),
  },
  { description: "A time since 1970-01-01T00:00:00Z" },
);
export type TimeStamp = Static<typeof timeStampSchema>;

export const categoryRefSchema = Type.Object(
  {
    href: text("Reference of the catalogue", 2_048),
    id: text("Unique identifier of the category"),
    name: text("Name of the category"),
    version: text("Version of the category"),
  },
  { description: "A category (section 8.1.5.2)" },
);

export const endPointInfoSchema = Type.Unsafe<EndPointInfo>({
  type: "object",
  description:
    "Where something is reached: exactly one of uris, fqdn, addresses, alternative (section 8.1.5.3)",
  properties: {
    uris: texts("URI"),
    fqdn: texts("fully qualified domain name"),
    addresses: Type.Array(addressSchema, { maxItems: 32 }),
    alternative: { type: "object" },
  },
  oneOf: endPointWays.map((name) => ({ required: [name] })),
});

export interface EndPointInfo {
  uris?: string[];
  fqdn?: string[];
  addresses?: Static<typeof addressSchema>[];
  alternative?: object;
}

export const securityInfoSchema = Type.Object(
  {
    oAuth2Info: Type.Optional(oAuth2InfoSchema),
  },
  { description: "How a transport is secured (section 8.1.5.4)" },
);

const transportWords = {
  name: text("Name of the transport"),
  description: Type.Optional(text("For people", 1_024)),
  type: oneOf(transportTypes, "Type of the transport"),
  protocol: text("Name of the protocol; HTTP for a REST API"),
  version: text("Version of the protocol"),
  security: securityInfoSchema,
  implSpecificInfo: Type.Optional(Type.Object({}, { description: "What is this transport's own" })),
};

export const transportInfoSchema = Type.Object(
  { id: text("Identifier of the transport"), ...transportWords, endpoint: endPointInfoSchema },
  { description: "A transport (section 8.1.2.3)" },
);
export type TransportInfo = Static<typeof transportInfoSchema>;

/** ETSI GS MEC 010-2 section 6.2.1.19. */
export const transportDescriptorSchema = Type.Object(transportWords);
