/**
 * The schema of `umec.json`, what a card tells a node at its first start: JSON Schema 2020-12. Who the node is, where
 * its hub is and what proves that it may link there, who may log in, and the network where it is not DHCP. All else
 * that `node.yaml` can say stands in `target`, and is checked as `node.yaml` is.
 */
import Type, { type Static } from "typebox";
import { mostKeys } from "../people/types.ts";
import { sshKeyPattern } from "../ssh-key.ts";
import { targetSchema } from "../target/schema.ts";

const closed = { additionalProperties: false };
const { node, link } = targetSchema.properties;

const address = {
  pattern: `^([0-9.]+|[0-9A-Fa-f:.]+)$`,
  patternErrorMessage: "must be an IP address",
};

const networkSchema = Type.Object(
  {
    interface: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9_.*?-]{1,15}$",
        patternErrorMessage: "must be the name of a network interface, such as end0 or eth*",
        description: "The interface that this is about. Absent: every Ethernet interface. @default absent",
        examples: ["end0"],
      }),
    ),
    address: Type.Optional(
      Type.String({
        pattern: `^([0-9.]+/([0-9]|[12][0-9]|3[0-2])|[0-9A-Fa-f:.]+/([0-9]{1,2}|1[01][0-9]|12[0-8]))$`,
        patternErrorMessage: "must be an address with its prefix length, such as 192.168.7.20/24",
        description: "The node's address. Absent: DHCP, and IPv6 by router advertisements. @default absent",
        examples: ["192.168.7.20/24"],
      }),
    ),
    gateway: Type.Optional(
      Type.String({ ...address, description: "The router. @default absent", examples: ["192.168.7.1"] }),
    ),
    dns: Type.Optional(
      Type.Array(Type.String(address), {
        maxItems: 3,
        description: "Name servers; with DHCP they are asked beside its own. @default absent",
        examples: [["192.168.7.1"]],
      }),
    ),
    ntp: Type.Optional(
      Type.Array(Type.String({ pattern: "^[A-Za-z0-9.:-]{1,253}$", patternErrorMessage: "must be a host" }), {
        maxItems: 8,
        description: "Time servers. Absent: those of DHCP, or Debian's pool. @default absent",
        examples: [["ntp.example.org"]],
      }),
    ),
  },
  { ...closed, description: "The network. Absent: DHCP on every Ethernet interface. @default absent" },
);

const hubSchema = Type.Object(
  {
    urls: Type.Unsafe<string | string[]>({
      ...link.properties.hub,
      description: "Where the hub accepts leaf nodes, as `link.hub` in node.yaml.",
    }),
    credentials: Type.Optional(
      Type.String({
        pattern: String.raw`-----BEGIN NATS USER JWT-----\s+\S+\s+-+END NATS USER JWT-+[\s\S]*-----BEGIN USER NKEY SEED-----\s+SU[A-Z2-7]+\s`,
        patternErrorMessage: "must be the whole text of a .creds file, with its JWT and its seed",
        description: "Text of the node's credentials file for the hub. @default absent",
      }),
    ),
    ca: Type.Optional(
      Type.String({
        pattern: "-----BEGIN CERTIFICATE-----",
        patternErrorMessage: "must be a certificate in PEM",
        description: "The CA of the hub's certificate, PEM. Absent: the system's CAs. @default absent",
      }),
    ),
    token: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4096,
        description:
          "Token for enrolment, as `umec hub token` prints it: with it the node makes keys of its own, and needs no credentials. @default absent",
      }),
    ),
  },
  { ...closed, description: "The hub. Absent: the node is offline. @default absent" },
);

export const cardSchema = Type.Object(
  {
    node,
    hub: Type.Optional(hubSchema),
    target: Type.Optional(
      Type.Unsafe<Record<string, unknown>>({
        type: "object",
        propertyNames: {
          pattern: "^(?!(node|data)$)",
          patternErrorMessage: "has no place here: the card and the image decide it",
        },
        description: "Other keys of node.yaml: plugins, outbox, log, clock, link. @default absent",
      }),
    ),
    ssh: Type.Optional(
      Type.Array(
        Type.String({
          pattern: sshKeyPattern,
          patternErrorMessage: "must be a line as in a file *.pub of ssh",
        }),
        {
          maxItems: mostKeys,
          description:
            "Public keys of the person `owner`, who may do everything here. Absent: nobody can log in, but for `target.users`. @default absent",
          examples: [["ssh-ed25519 AAAA… me@desk"]],
        },
      ),
    ),
    network: Type.Optional(networkSchema),
  },
  { ...closed, title: "A node's umec.json" },
);

/** What `umec.json` says. */
export type Card = Static<typeof cardSchema>;
/** Its part about the network. */
export type CardNetwork = Static<typeof networkSchema>;
