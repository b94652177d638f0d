/** WS-Discovery (April 2005, as ONVIF Core section 7 has it): the question, and what cameras answer. */
import { find, parseTree, textAt, type XmlTree } from "./xml.ts";

export interface ProbeMatch {
  /** The device's address for ever: `urn:uuid:…`. */
  id: string;
  /** Addresses of its device service. */
  addresses: string[];
  /** By the last segments but one of the scopes: `name`, `hardware`, `location`. */
  scopes: Readonly<Record<string, string>>;
}

const discovery = "http://schemas.xmlsoap.org/ws/2005/04/discovery";
const addressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing";

/** Asks for network video transmitters. @param id a UUID */
export function probeMessage(id: string): string {
  return (
    `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
    `xmlns:a="${addressing}" xmlns:d="${discovery}" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>` +
    `<a:MessageID>urn:uuid:${id}</a:MessageID><a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>` +
    `<a:Action s:mustUnderstand="1">${discovery}/Probe</a:Action></s:Header>` +
    `<s:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>`
  );
}

/** The devices in an answer to the probe with this id; none in what is anything else. */
export function readProbeMatches(text: string, id: string): ProbeMatch[] {
  let tree: XmlTree;
  try {
    tree = parseTree(text);
  } catch {
    return [];
  }
  const relates = find(tree, "RelatesTo")?.text.toLowerCase();
  const matches = find(tree, "ProbeMatches");
  if (!matches || !relates?.endsWith(id.toLowerCase())) return [];
  return matches.children.flatMap((match): ProbeMatch[] => {
    const types = textAt(match, "Types");
    if (match.name !== "ProbeMatch" || (types !== undefined && !/NetworkVideoTransmitter|Device/.test(types)))
      return [];
    const addresses = (textAt(match, "XAddrs") ?? "")
      .split(/\s+/)
      .filter((each) => /^https?:\/\//i.test(each));
    if (addresses.length === 0) return [];
    return [
      {
        id: textAt(match, "EndpointReference", "Address") ?? addresses[0] ?? "",
        addresses: addresses.slice(0, 16),
        scopes: readScopes(textAt(match, "Scopes") ?? ""),
      },
    ];
  });
}

/** ONVIF Core section 7.3.2.2: `onvif://www.onvif.org/hardware/D1-734`. */
function readScopes(text: string): Record<string, string> {
  const scopes: Record<string, string> = {};
  for (const scope of text.split(/\s+/).slice(0, 64)) {
    const [, kind, value] = scope.match(/^onvif:\/\/www\.onvif\.org\/(\w+)\/([^/]+)$/i) ?? [];
    if (kind === undefined || value === undefined) continue;
    try {
      scopes[kind.toLowerCase()] ??= decodeURIComponent(value).slice(0, 100);
    } catch {
      scopes[kind.toLowerCase()] ??= value.slice(0, 100);
    }
  }
  return scopes;
}
