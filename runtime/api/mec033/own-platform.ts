/** The node itself as an IoT platform: its bus, and the API of its things. */
import { thingSubjects } from "../patterns.ts";
import type { ApiNode, Broker, Principal } from "../types.ts";
import type { IotPlatformInfo, MbTransportInfo } from "./schema/platform.ts";

export const busTransportId = "nats";

export interface OwnPlatformOptions {
  node: Pick<ApiNode, "name">;
  broker: Pick<Broker, "urls"> | undefined;
  principal: Principal;
  /** Of the API, as the asker reaches it. */
  origin: string;
  tokenEndpoint: string;
  /** Path of the API where credentials of the bus are had. */
  busCredentials: string;
}

/** Its topics are those that the asker may use. Without a bus it is not enabled; its things are there all the same. */
export function ownPlatform(options: OwnPlatformOptions): IotPlatformInfo {
  const { node, broker, origin, tokenEndpoint } = options;
  const oAuth2Info = {
    grantTypes: ["OAUTH2_CLIENT_CREDENTIALS" as const],
    tokenEndpoint: new URL(tokenEndpoint, origin).href,
  };
  return {
    iotPlatformId: node.name,
    userTransportInfo: [busTransport(options, { oAuth2Info })],
    customServicesTransportInfo: [
      {
        id: "things",
        name: "Things",
        description: "The node's plugins as things of the W3C Web of Things",
        type: "REST_HTTP",
        protocol: "HTTP",
        version: "1.1",
        endpoint: { uris: [`${origin}/things`] },
        security: { oAuth2Info },
      },
    ],
    enabled: broker !== undefined,
  };
}

function busTransport(
  { node, broker, principal, origin, busCredentials }: OwnPlatformOptions,
  security: MbTransportInfo["security"],
): MbTransportInfo {
  const { subscribe, publish } = thingSubjects(node.name, principal);
  return {
    id: busTransportId,
    name: "NATS",
    description: "SenML packs (RFC 8428) in CBOR; commands are requests with a JSON value",
    type: "MB_TOPIC_BASED",
    protocol: "NATS",
    version: "1",
    endpoint: broker
      ? { uris: [...broker.urls] }
      : { alternative: "none: the node has no bus for applications" },
    security: { ...security, extensions: `credentials: POST ${origin}${busCredentials}` },
    implSpecificInfo: {
      eventTopics: [],
      uplinkTopics: [...subscribe],
      downlinkTopics: [...publish],
    },
  };
}
