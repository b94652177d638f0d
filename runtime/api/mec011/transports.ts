/** The transports that the platform offers to services (ETSI GS MEC 011 V3.1.1 section 8.1.2.3). */
import { badRequest } from "../http/problem.ts";
import type { Mec011Options } from "./context.ts";
import type { TransportInfo } from "./schema/words.ts";

export const restTransportId = "rest";
export const busTransportId = "nats";

/** Subject below which a service's messages are, for a name that can be one token. */
export function serviceSubject(serName: string): string {
  return `app.${serName}.>`;
}

/** A token of a NATS subject; beyond that, characters that need no thought in any client. */
const tokenSyntax = /^[A-Za-z0-9_-]{1,63}$/;

export function createTransports(options: Pick<Mec011Options, "node" | "url" | "tokenEndpoint" | "broker">) {
  const { node, broker, url, tokenEndpoint } = options;

  function security(): TransportInfo["security"] {
    if (!tokenEndpoint) return {};
    return { oAuth2Info: { grantTypes: ["OAUTH2_CLIENT_CREDENTIALS"], tokenEndpoint: tokenEndpoint() } };
  }

  function rest(): TransportInfo {
    return {
      id: restTransportId,
      name: "REST",
      description: `HTTP with JSON, by ${node}`,
      type: "REST_HTTP",
      protocol: "HTTP",
      version: "1.1",
      endpoint: { uris: [url()] },
      security: security(),
    };
  }

  function bus(urls: readonly string[]): TransportInfo {
    return {
      id: busTransportId,
      name: "NATS",
      description: `The bus of ${node}; credentials by POST …/bus_credentials`,
      type: "MB_PUBSUB",
      protocol: "NATS",
      version: "1",
      endpoint: { uris: [...urls] },
      security: security(),
      implSpecificInfo: {
        credentials: `${url()}/umec_apps/v1/applications/{appInstanceId}/bus_credentials`,
        subject: serviceSubject("{serName}"),
      },
    };
  }

  function list(): TransportInfo[] {
    return broker ? [rest(), bus(broker.urls)] : [rest()];
  }

  return {
    list,
    /**
     * Whether a service of this name may choose it.
     *
     * @throws Problem 400 when there is no such transport, or the name of the service can't be a subject
     */
    check(id: string, serName: string): void {
      const known = list().map((transport) => transport.id);
      if (!known.includes(id))
        throw badRequest(`there is no transport ${id}`, `GET /transports lists ${known.join(", ")}`);
      if (id !== busTransportId || tokenSyntax.test(serName)) return;
      const hint = "1 to 63 of A-Z, a-z, 0-9, _ and -: it is a part of the subject";
      throw badRequest(`a service on the bus can't be named ${JSON.stringify(serName)}`, hint);
    },
    /** As a service shows the transport it chose. A bus that is there no more has no URIs. */
    chosen(id: string, serName: string): TransportInfo {
      if (id !== busTransportId) return rest();
      const transport = bus(broker?.urls ?? []);
      const implSpecificInfo = { ...transport.implSpecificInfo, subject: serviceSubject(serName) };
      return { ...transport, implSpecificInfo };
    },
  };
}
export type Transports = ReturnType<typeof createTransports>;
