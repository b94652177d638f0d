/** The discovery side of a simulated camera: answers probes by UDP, as WS-Discovery section 5 has it. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { escapeXml } from "./xml.ts";

export interface DiscoverySimulator extends AsyncDisposable {
  readonly port: number;
  /** Probes that came. */
  readonly probes: number;
}

/** Listens on loopback, where a group is given in the group as well. */
export async function startDiscovery({
  xaddrs,
  uuid = "00000000-0000-4000-8000-001122334455",
  host = "127.0.0.1",
  group,
  garbage = false,
}: {
  xaddrs: string;
  uuid?: string;
  host?: "127.0.0.1" | "::1";
  group?: string;
  /** Sends nonsense and answers to other probes before its own. */
  garbage?: boolean;
}): Promise<DiscoverySimulator> {
  const socket = createSocket({ type: host === "::1" ? "udp6" : "udp4" });
  let probes = 0;
  socket.on("message", (bytes, { port, address }) => {
    const id = bytes.toString("utf8").match(/<a:MessageID>([^<]+)</)?.[1];
    if (id === undefined || !bytes.includes("NetworkVideoTransmitter")) return;
    probes += 1;
    if (garbage) {
      socket.send("<not xml", port, address);
      socket.send(
        matches("urn:uuid:11111111-1111-4111-8111-111111111111", "http://10.0.0.1/x", "ff".repeat(16)),
        port,
        address,
      );
    }
    socket.send(matches(id, xaddrs, uuid), port, address);
  });
  // In a group's own address only what is sent to it arrives.
  socket.bind(0, group ?? host);
  await once(socket, "listening");
  if (group !== undefined) socket.addMembership(group, host);
  return {
    get port() {
      return socket.address().port;
    },
    get probes() {
      return probes;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}

function matches(relatesTo: string, xaddrs: string, uuid: string): string {
  return (
    `<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" ` +
    `xmlns:wsd="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header>` +
    `<wsa:MessageID>urn:uuid:1</wsa:MessageID><wsa:RelatesTo>${escapeXml(relatesTo)}</wsa:RelatesTo></SOAP-ENV:Header><SOAP-ENV:Body><wsd:ProbeMatches><wsd:ProbeMatch>` +
    `<wsa:EndpointReference><wsa:Address>urn:uuid:${uuid}</wsa:Address></wsa:EndpointReference><wsd:Types>dn:NetworkVideoTransmitter</wsd:Types>` +
    `<wsd:Scopes>onvif://www.onvif.org/name/Front%20door onvif://www.onvif.org/hardware/D1-734 onvif://www.onvif.org/Profile/T</wsd:Scopes>` +
    `<wsd:XAddrs>${escapeXml(xaddrs)}</wsd:XAddrs><wsd:MetadataVersion>1</wsd:MetadataVersion></wsd:ProbeMatch></wsd:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>`
  );
}
