/** DNS rules and traffic rules (ETSI GS MEC 011 V3.1.1 sections 7.1.2.2, 7.1.2.3 and 7.1.5). */
import Type, { type Static } from "typebox";
import { oneOf, text } from "../../etsi-words.ts";
import { trafficActions } from "../../types.ts";
import { uint32 } from "./words.ts";

const ruleStates = ["ACTIVE", "INACTIVE"] as const;
export type RuleState = (typeof ruleStates)[number];
const ruleStateSchema = oneOf(ruleStates, "Whether it holds; a PUT may change it");

export const dnsRuleSchema = Type.Object(
  {
    dnsRuleId: text("Identifier of the rule"),
    domainName: text("Name that is resolved", 253),
    ipAddressType: oneOf(["IP_V6", "IP_V4"], "Type of the address"),
    ipAddress: text("Address", 64),
    ttl: Type.Optional(Type.Integer({ ...uint32, description: "Seconds that an answer may be kept" })),
    state: ruleStateSchema,
  },
  { description: "A DNS rule (section 7.1.2.3)" },
);
export type DnsRule = Static<typeof dnsRuleSchema>;

const texts = (description: string) => Type.Optional(Type.Array(text(description), { maxItems: 64 }));

export const trafficFilterSchema = Type.Object(
  {
    srcAddress: texts("Address, prefix or range"),
    dstAddress: texts("Address, prefix or range"),
    srcPort: texts("Port or range"),
    dstPort: texts("Port or range"),
    protocol: texts("Protocol"),
    tag: texts("For rules by tag"),
    token: texts("For rules by token (V2.1.1)"),
    srcTunnelAddress: texts("For GTP tunnels"),
    tgtTunnelAddress: texts("For GTP tunnels"),
    srcTunnelPort: texts("For GTP tunnels"),
    dstTunnelPort: texts("For GTP tunnels"),
    qCI: Type.Optional(Type.Integer(uint32)),
    dSCP: Type.Optional(Type.Integer(uint32)),
    tC: Type.Optional(Type.Integer(uint32)),
  },
  { description: "Packets that fit all of it (section 7.1.5.2)" },
);
export type EtsiTrafficFilter = Static<typeof trafficFilterSchema>;

export const destinationSchema = Type.Object(
  {
    interfaceType: oneOf(["TUNNEL", "MAC", "IP"], "Type of the interface"),
    tunnelInfo: Type.Optional(
      Type.Object({
        tunnelType: oneOf(["GTP_U", "GRE"], "Type of the tunnel"),
        tunnelDstAddress: Type.Optional(text("Address")),
        tunnelSrcAddress: Type.Optional(text("Address")),
      }),
    ),
    srcMacAddress: Type.Optional(text("MAC address")),
    dstMacAddress: Type.Optional(text("MAC address")),
    dstIpAddress: Type.Optional(text("IP address")),
  },
  { description: "Where packets go (section 7.1.5.3)" },
);
export type EtsiDestination = Static<typeof destinationSchema>;

export const trafficRuleSchema = Type.Object(
  {
    trafficRuleId: text("Identifier of the rule"),
    filterType: oneOf(["FLOW", "PACKET"], "FLOW: the way back, too"),
    priority: Type.Integer({ minimum: 0, maximum: 255, description: "0 is the most important" }),
    trafficFilter: Type.Array(trafficFilterSchema, { minItems: 1, maxItems: 64 }),
    action: oneOf(trafficActions, "What is done with the packets"),
    dstInterface: Type.Optional(
      Type.Unsafe<EtsiDestination | EtsiDestination[]>({
        description: "One, or for DUPLICATE two",
        anyOf: [destinationSchema, Type.Array(destinationSchema, { minItems: 1, maxItems: 2 })],
      }),
    ),
    state: ruleStateSchema,
  },
  { description: "A traffic rule (section 7.1.2.2)" },
);
export type TrafficRule = Static<typeof trafficRuleSchema>;
