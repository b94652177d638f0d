/**
 * Types that both APIs of ETSI GS MEC 011 use. Bodies and enumerations are those of V2.1.1 with what V3.1.1 adds;
 * the lengths are ours. Attributes that nobody knows are let be in requests, and dropped.
 */
import Type, { type Static } from "typebox";

/** A text that has an end. */
export function text(description: string, maxLength = 256) {
  return Type.String({ description, maxLength });
}

export function oneOf<const T extends readonly string[]>(values: T, description: string) {
  return Type.Unsafe<T[number]>({ type: "string", enum: [...values], description });
}

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

const addressSchema = Type.Object({
  host: text("Host, a name or an address"),
  port: Type.Integer({ minimum: 0, maximum: 65_535 }),
});

const texts = (description: string) => Type.Array(text(description, 2_048), { maxItems: 32 });

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
  oneOf: ["uris", "fqdn", "addresses", "alternative"].map((name) => ({ required: [name] })),
});

export interface EndPointInfo {
  uris?: string[];
  fqdn?: string[];
  addresses?: Static<typeof addressSchema>[];
  alternative?: object;
}

const grantTypes = [
  "OAUTH2_AUTHORIZATION_CODE",
  "OAUTH2_IMPLICIT_GRANT",
  "OAUTH2_RESOURCE_OWNER",
  "OAUTH2_CLIENT_CREDENTIALS",
] as const;

export const securityInfoSchema = Type.Object(
  {
    oAuth2Info: Type.Optional(
      Type.Object({
        grantTypes: Type.Array(oneOf(grantTypes, "OAuth 2.0 grant type"), { minItems: 1, maxItems: 4 }),
        tokenEndpoint: Type.Optional(text("The token endpoint", 2_048)),
      }),
    ),
  },
  { description: "How a transport is secured (section 8.1.5.4)" },
);

export const transportTypes = [
  "REST_HTTP",
  "MB_TOPIC_BASED",
  "MB_ROUTING",
  "MB_PUBSUB",
  "RPC",
  "RPC_STREAMING",
  "WEBSOCKET",
] as const;

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

export const serializerTypes = ["JSON", "XML", "PROTOBUF3"] as const;

/** RFC 9457; ETSI GS MEC 009 section 6.8. */
export const problemSchema = Type.Object(
  {
    type: Type.Optional(Type.String({ format: "uri-reference" })),
    title: Type.Optional(Type.String()),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String(),
    instance: Type.Optional(Type.String({ format: "uri-reference" })),
  },
  { description: "What went wrong" },
);
