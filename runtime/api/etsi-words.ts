/** Types that ETSI's APIs share, as ETSI GS MEC 011 and 009 define them. The lengths are ours. */
import Type from "typebox";

/** A text that has an end. */
export function text(description: string, maxLength = 256) {
  return Type.String({ description, maxLength });
}

export function texts(description: string, maxItems = 32) {
  return Type.Array(text(description, 2_048), { maxItems, description });
}

export function oneOf<const T extends readonly string[]>(values: T, description: string) {
  return Type.Unsafe<T[number]>({ type: "string", enum: [...values], description });
}

export const addressSchema = Type.Object({
  host: text("Host, a name or an address"),
  port: Type.Integer({ minimum: 0, maximum: 65_535 }),
});

/** Ways to say where something is reached; exactly one is there. */
export const endPointWays = ["uris", "fqdn", "addresses", "alternative"] as const;

const grantTypes = [
  "OAUTH2_AUTHORIZATION_CODE",
  "OAUTH2_IMPLICIT_GRANT",
  "OAUTH2_RESOURCE_OWNER",
  "OAUTH2_CLIENT_CREDENTIALS",
] as const;

export const oAuth2InfoSchema = Type.Object({
  grantTypes: Type.Array(oneOf(grantTypes, "OAuth 2.0 grant type"), { minItems: 1, maxItems: 4 }),
  tokenEndpoint: Type.Optional(text("The token endpoint", 2_048)),
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
