/**
 * Types that devices and platforms of ETSI GS MEC 033 V3.1.1 share; those of MEC 010-2 and MEC 011 are as that document
 * repeats them. Where it says SEE_DESCRIPTION the values are those of the description. The lengths are ours.
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

export const securityInfoSchema = Type.Object(
  {
    oAuth2Info: Type.Optional(oAuth2InfoSchema),
    extensions: Type.Optional(text("For transports that are not HTTP", 2_048)),
  },
  { description: "How a transport is secured (section 6.5.4)" },
);

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
  oneOf: endPointWays.map((name) => ({ required: [name] })),
});

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
