/**
 * Types that devices and platforms of ETSI GS MEC 033 V3.1.1 share; those of MEC 010-2 and MEC 011 are as that document
 * repeats them. Where it says SEE_DESCRIPTION the values are those of the description. The lengths are ours.
 */
import Type, { type Static } from "typebox";

/** A text that has an end. */
export function text(description: string, maxLength = 256) {
  return Type.String({ description, maxLength });
}

export function oneOf<const T extends readonly string[]>(values: T, description: string) {
  return Type.Unsafe<T[number]>({ type: "string", enum: [...values], description });
}

export function texts(description: string, maxItems = 64) {
  return Type.Array(text(description, 2_048), { maxItems, description });
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
    extensions: Type.Optional(text("For transports that are not HTTP", 2_048)),
  },
  { description: "How a transport is secured (section 6.5.4)" },
);

const addressSchema = Type.Object({
  host: text("Host, a name or an address"),
  port: Type.Integer({ minimum: 0, maximum: 65_535 }),
});

export interface EndPointInfo {
  uris?: string[];
  fqdn?: string[];
  addresses?: Static<typeof addressSchema>[];
  alternative?: string;
}

export const endPointInfoSchema = Type.Unsafe<EndPointInfo>({
  type: "object",
  description: "Where something is reached: exactly one of uris, fqdn, addresses, alternative",
  properties: {
    uris: texts("URI"),
    fqdn: texts("Fully qualified domain name"),
    addresses: Type.Array(addressSchema, { maxItems: 64 }),
    alternative: text("In a form of its own", 2_048),
  },
  oneOf: ["uris", "fqdn", "addresses", "alternative"].map((name) => ({ required: [name] })),
});

export const transportTypes = [
  "REST_HTTP",
  "MB_TOPIC_BASED",
  "MB_ROUTING",
  "MB_PUBSUB",
  "RPC",
  "RPC_STREAMING",
  "WEBSOCKET",
] as const;

export const transportWords = {
  id: text("Identifier of the transport"),
  name: text("Name of the transport"),
  description: Type.Optional(text("For people", 1_024)),
  type: oneOf(transportTypes, "Type of the transport"),
  protocol: text("Name of the protocol"),
  version: text("Version of the protocol"),
  endpoint: endPointInfoSchema,
  security: securityInfoSchema,
};

export const serializerTypes = ["JSON", "XML", "PROTOBUF3"] as const;

/** RFC 9457. */
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
