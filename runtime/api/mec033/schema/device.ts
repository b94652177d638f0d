/** Devices (ETSI GS MEC 033 V3.1.1 section 6.2.2). */
import Type, { type Static } from "typebox";
import { oneOf, serializerTypes, text, texts } from "../../etsi-words.ts";
import { trafficActions } from "../../types.ts";

const optional = (description: string, maxLength = 256) => Type.Optional(text(description, maxLength));
const flag = (what: string) => Type.Optional(Type.Boolean({ description: `Whether to include ${what}` }));
const uint32 = Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff }));

const trafficFilterSchema = Type.Object(
  {
    ...Object.fromEntries(
      [
        ["srcAddress", "Address, prefix or range"],
        ["dstAddress", "Address, prefix or range"],
        ["srcPort", "Port or range"],
        ["dstPort", "Port or range"],
        ["protocol", "Protocol"],
        ["tag", "For rules by tag"],
        ["uri", "URI label"],
        ["packetLabel", "Packet label"],
        ["srcTunnelAddress", "For GTP tunnels"],
        ["tgtTunnelAddress", "For GTP tunnels"],
        ["srcTunnelPort", "For GTP tunnels"],
        ["dstTunnelPort", "For GTP tunnels"],
      ].map(([name, description]) => [name, Type.Optional(texts(description!))]),
    ),
    qCI: uint32,
    dSCP: uint32,
    tC: uint32,
  },
  { description: "Packets that fit all of it (ETSI GS MEC 010-2 section 6.2.1.11)" },
);

const interfaceSchema = Type.Object(
  {
    interfaceType: oneOf(["TUNNEL", "MAC", "IP"], "Type of the interface"),
    tunnelInfo: Type.Optional(
      Type.Object({
        tunnelType: oneOf(["GTP-U", "GRE"], "Type of the tunnel"),
        tunnelDstAddress: text("Address"),
        tunnelSrcAddress: text("Address"),
        tunnelSpecificData: optional("What is its own", 1_024),
      }),
    ),
    srcMACAddress: optional("MAC address"),
    dstMACAddress: optional("MAC address"),
    dstIPAddress: optional("IP address"),
  },
  { description: "Where packets go (ETSI GS MEC 010-2 section 6.2.1.12)" },
);

const trafficRuleSchema = Type.Object(
  {
    trafficRuleId: text("Identifier of the rule"),
    filterType: oneOf(["per FLOW", "per PACKET", "FLOW", "PACKET"], "FLOW: the way back, too"),
    priority: Type.Integer({ minimum: 0, maximum: 255, description: "0 is the most important" }),
    trafficFilter: Type.Array(trafficFilterSchema, { maxItems: 64 }),
    action: oneOf(trafficActions, "What is done with the packets"),
    dstInterface: Type.Optional(
      Type.Union([interfaceSchema, Type.Array(interfaceSchema, { minItems: 1, maxItems: 2 })]),
    ),
  },
  { description: "A traffic rule (ETSI GS MEC 010-2 section 6.2.1.10)" },
);

const included = {
  includeDeviceAddr: flag("the device's address"),
  includeDeviceMetadata: flag("its metadata"),
  includePei: flag("its PEI"),
  includeSupi: flag("its SUPI"),
  includeImei: flag("its IMEI"),
  includeImsi: flag("its IMSI"),
  includeIccid: flag("its ICCID"),
  includeDeviceId: flag("its deviceId"),
};
const selectedSerializer = oneOf(serializerTypes, "Serializer of the topic");

const messageFormatsSchema = Type.Object(
  {
    eventMsgFormat: Type.Optional(
      Type.Object({ eventTopic: text("Topic"), selectedSerializer, ...included }),
    ),
    uplinkMsgFormat: Type.Optional(
      Type.Object({
        uplinkTopic: text("Topic"),
        selectedSerializer,
        includeDevicePort: flag("the device's port"),
        ...included,
      }),
    ),
  },
  { description: "What is published in the device's name" },
);

/** Of these a device has one at least (section 6.2.2, note 1). */
export const identifiers = ["gpsi", "pei", "supi", "msisdn", "imei", "imsi", "iccid"] as const;

const words = {
  deviceAuthenticationInfo: text("For the authentication of the device in the data network", 4_096),
  deviceMetadata: Type.Optional(
    Type.Array(Type.Object({ key: optional("Key"), value: optional("Value", 1_024) }), {
      maxItems: 64,
      description: "What else is known of the device",
    }),
  ),
  gpsi: optional("GPSI (3GPP TS 29.571 section 5.3.2)"),
  pei: optional("PEI"),
  supi: optional("SUPI"),
  msisdn: optional("MSISDN"),
  imei: optional("IMEI"),
  imsi: optional("IMSI"),
  iccid: optional("ICCID"),
  deviceId: Type.String({
    minLength: 1,
    maxLength: 256,
    description: "Identifier for people, and of the resource",
  }),
  requestedMecTrafficRule: Type.Optional(Type.Array(trafficRuleSchema, { maxItems: 16 })),
  requestedIotPlatformId: optional("Platform that the device wants to use"),
  requestedUserTransportId: optional("Transport of the platform that the device wants to use"),
  deviceSpecificMessageFormats: Type.Optional(messageFormatsSchema),
  downlinkInfo: Type.Optional(
    Type.Object({
      downlinkTopic: optional("Topic for data to the device"),
      devicePort: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
    }),
  ),
  clientCertificate: optional("Certificate with which the node speaks for the device", 8_192),
};
const enabled = Type.Boolean({
  description: "Whether a valid traffic rule goes with the device; the node says so, not who registers",
});

export const deviceInfoSchema = Type.Object({ ...words, enabled }, { description: "A device" });
export type DeviceInfo = Static<typeof deviceInfoSchema>;

/** As it is registered. */
export const deviceRequestSchema = Type.Object(
  { ...words, enabled: Type.Optional(Type.Boolean({ description: "Not taken: the node says so" })) },
  {
    description: "A device to be registered",
    anyOf: identifiers.map((name) => ({ required: [name] })),
  },
);
export type DeviceRequest = Omit<DeviceInfo, "enabled">;

/** What `fields` leaves of it. */
export const devicePartSchema = Type.Object(
  { ...Type.Partial(Type.Object(words)).properties, deviceId: words.deviceId, enabled },
  { description: "A device, or the part of it that was asked for" },
);

export const deviceAttributes = [...Object.keys(words), "enabled"] as const;
