/** How a simulated camera writes its answers, well and badly. */
import type { ServerResponse } from "node:http";
import type { SimulatorState } from "./simulator-state.ts";

const namespaces: Readonly<Record<string, string>> = {
  tds: "http://www.onvif.org/ver10/device/wsdl",
  trt: "http://www.onvif.org/ver10/media/wsdl",
  tr2: "http://www.onvif.org/ver20/media/wsdl",
  tptz: "http://www.onvif.org/ver20/ptz/wsdl",
  tev: "http://www.onvif.org/ver10/events/wsdl",
  tt: "http://www.onvif.org/ver10/schema",
  tns1: "http://www.onvif.org/ver10/topics",
  ter: "http://www.onvif.org/ver10/error",
  wsnt: "http://docs.oasis-open.org/wsn/b-2",
  "wsrf-rw": "http://docs.oasis-open.org/wsrf/rw-2",
  wsa5: "http://www.w3.org/2005/08/addressing",
};

/** @param content an element, or, after `!`, the subcode of a fault */
export function reply(response: ServerResponse, content: string, { misbehaviour }: SimulatorState): void {
  const { soap11 = false, oddPrefixes = false, contentType } = misbehaviour;
  const isFault = content.startsWith("!");
  const inner = isFault ? fault(content.slice(1), soap11) : content;
  const version = soap11
    ? "http://schemas.xmlsoap.org/soap/envelope/"
    : "http://www.w3.org/2003/05/soap-envelope";
  const declared = Object.entries({ s: version, ...namespaces })
    .map(([prefix, uri]) => `xmlns:${prefix}="${uri}"`)
    .join(" ");
  const plain = `<s:Envelope ${declared}><s:Body>${inner}</s:Body></s:Envelope>`;
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n${oddPrefixes ? odd(plain) : plain}`;
  const type = contentType ?? (soap11 ? "text/xml" : "application/soap+xml; charset=utf-8");
  const status = !isFault ? 200 : /NotAuthorized|Sender|NoToken/.test(content) ? 400 : 500;
  response.writeHead(status, { "content-type": type });
  response.end(xml);
}

function fault(subcode: string, soap11: boolean): string {
  if (soap11)
    return `<s:Fault><faultcode>s:Client</faultcode><faultstring>${subcode} it is</faultstring></s:Fault>`;
  return (
    `<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>${subcode}</s:Value></s:Subcode></s:Code>` +
    `<s:Reason><s:Text xml:lang="en">${subcode} it is</s:Text></s:Reason></s:Fault>`
  );
}

/** The same with other prefixes, and none for the envelope. */
function odd(xml: string): string {
  return xml
    .replace(/(<\/?)(tds|trt|tr2|tptz|tev|tt|wsnt|wsa5):/g, "$1X-$2:")
    .replace(/xmlns:(tds|trt|tr2|tptz|tev|tt|wsnt|wsa5)=/g, "xmlns:X-$1=")
    .replace(/(<\/?)s:/g, "$1")
    .replace("xmlns:s=", "xmlns=");
}

/** Answers badly; gives whether it did. */
export function misbehave(response: ServerResponse, { misbehaviour: { answer } }: SimulatorState): boolean {
  switch (answer) {
    case undefined:
      return false;
    case "html":
      response
        .writeHead(200, { "content-type": "text/html" })
        .end("<!DOCTYPE html><html><body>Login<br></body></html>");
      return true;
    case "truncated":
      response
        .writeHead(200, { "content-type": "application/soap+xml" })
        .end("<s:Envelope xmlns:s='x'><s:Body><a>");
      return true;
    case "huge":
      response.writeHead(200, { "content-type": "application/soap+xml" });
      response.end(`<s:Envelope xmlns:s="x"><s:Body>${" ".repeat(3 * 1024 * 1024)}</s:Body></s:Envelope>`);
      return true;
    case "deep":
      response.writeHead(200, { "content-type": "application/soap+xml" }).end("<a>".repeat(200_000));
      return true;
    case "garbage":
      response.socket?.end("\x00\x01 no HTTP at all\r\n\r\n");
      return true;
    case "status-500":
      response.writeHead(500).end();
      return true;
    case "hang-up":
      response.writeHead(200, { "content-length": "1000" });
      response.write("<s:Envelope");
      setImmediate(() => response.destroy());
      return true;
    default:
      // Silence.
      return true;
  }
}
