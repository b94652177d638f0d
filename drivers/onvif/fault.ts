import { UmecError } from "../../runtime/plugin/sdk.ts";
import { child, childrenOf, find, textAt, type XmlTree } from "./xml.ts";

/** A camera's refusal in SOAP's words. */
export class OnvifFault extends UmecError {
  /** Local names of code and subcodes, outermost first: `Sender`, `InvalidArgVal`, `NoProfile`. */
  readonly codes: readonly string[];

  constructor(action: string, codes: readonly string[], reason: string) {
    const denied = codes.some((code) => deniedCodes.has(code));
    const why = reason === "" ? "" : `: ${reason}`;
    super(denied ? "ONVIF_UNAUTHORIZED" : "ONVIF_FAULT", `${action} is refused (${codes.join("/")})${why}`, {
      ...(denied && { hint: "look at user, password and the user's rights at the camera" }),
    });
    this.codes = codes;
  }
}

/** Whether it is a fault, and, if given, one with this code or subcode. */
export function isFault(error: unknown, code?: string): error is OnvifFault {
  return error instanceof OnvifFault && (code === undefined || error.codes.includes(code));
}

const deniedCodes = new Set(["NotAuthorized", "FailedAuthentication", "OperationProhibited"]);

/** Reads a fault of SOAP 1.2 (part 1 section 5.4) or 1.1 (section 4.4), whichever the camera knows. */
export function faultOf(action: string, body: XmlTree): OnvifFault | undefined {
  const fault = child(body, "Fault");
  if (!fault) return undefined;
  const codes: string[] = [];
  for (let at = child(fault, "Code"); at && codes.length < 8; at = child(at, "Subcode")) {
    codes.push(...childrenOf(at, "Value").map(({ text }) => local(text)));
  }
  const old = textAt(fault, "faultcode");
  // SOAP 1.1 says subcodes with dots, or some cameras put ONVIF's own code below the detail.
  if (old !== undefined) codes.push(...old.split(".").map(local));
  const reason = textAt(fault, "Reason", "Text") ?? textAt(fault, "faultstring") ?? "";
  if (!codes.some((code) => deniedCodes.has(code)) && /not ?authorized|unauthorized/i.test(reason)) {
    codes.push("NotAuthorized");
  }
  const detail = find(fault, "Detail") ?? find(fault, "detail");
  return new OnvifFault(action, codes, short(reason || (detail?.text ?? "")));
}

function local(name: string): string {
  return name.slice(name.indexOf(":") + 1).slice(0, 64);
}

function short(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 200);
}
