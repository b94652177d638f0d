/**
 * One SOAP call (ONVIF Core section 5): the envelope, the password, the answer or the fault.
 *
 * What an answer calls itself (content type, status) does not count: a body that is an envelope is read as one.
 * Everything that it can get wrong ends in an error that says what came instead.
 */
import { isUmecError, UmecError } from "../../runtime/plugin/sdk.ts";
import type { Places } from "./address.ts";
import type { CameraHttp, Login } from "./camera-http.ts";
import { faultOf } from "./fault.ts";
import { type HttpAnswer, shown } from "./http-client.ts";
import { usernameToken } from "./username-token.ts";
import { child, parseTree, type XmlTree } from "./xml.ts";

export interface SoapCall {
  /** As the camera named it. */
  address: string;
  /** URI of the operation: `http://www.onvif.org/ver10/device/wsdl/GetServices`. */
  action: string;
  /** The element in the body. */
  body: string;
  /** Further elements of the header. */
  header?: string;
  /** Sends no password: for what must be answered without. */
  anonymous?: boolean;
  /** @default the client's */
  timeoutMs?: number;
  signal: AbortSignal;
}

export interface Soap {
  /** Gives the element in the answer's body. Rejects with an `ONVIF_*` error or the signal's reason. */
  call(call: SoapCall): Promise<XmlTree>;
}

export interface SoapOptions {
  http: CameraHttp;
  places: Places;
  /** For the UsernameToken; `undefined` where there is none or it is not wanted. */
  token: () => Promise<Login | undefined>;
  /** The time by the camera's clock. */
  cameraMs: () => number;
  timeoutMs: number;
}

/** More than the capabilities of any camera; a picture does not come this way. */
const maxBytes = 1024 * 1024;

export function createSoap({ http, places, token, cameraMs, timeoutMs }: SoapOptions): Soap {
  return {
    async call({
      address,
      action,
      body,
      header = "",
      anonymous = false,
      timeoutMs: ownMs = timeoutMs,
      signal,
    }) {
      const name = action.slice(action.lastIndexOf("/") + 1).replace(/Request$/, "");
      const answer = await places.use(address, async (url) => {
        const login = anonymous || http.digestWorks ? undefined : await token();
        const security = login ? usernameToken(login, cameraMs()) : "";
        return http.send({
          url,
          method: "POST",
          headers: { "content-type": `application/soap+xml; charset=utf-8; action="${action}"` },
          body: envelope(security + header, body),
          maxBytes,
          timeoutMs: ownMs,
          signal,
        });
      });
      return readAnswer(name, answer, shown(places.of(address)));
    },
  };
}

function envelope(header: string, body: string): string {
  return (
    `<?xml version="1.0" encoding="UTF-8"?>` +
    `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">` +
    `${header === "" ? "" : `<s:Header>${header}</s:Header>`}<s:Body>${body}</s:Body></s:Envelope>`
  );
}

function readAnswer(name: string, { status, body }: HttpAnswer, at: string): XmlTree {
  let tree: XmlTree | undefined;
  let broken: unknown;
  try {
    tree = parseTree(body.toString("utf8"));
  } catch (error) {
    broken = error;
  }
  const content = tree?.name === "Envelope" ? child(tree, "Body") : undefined;
  const fault = content && faultOf(name, content);
  if (fault) throw fault;
  if (status === 401 || status === 403) {
    throw new UmecError("ONVIF_UNAUTHORIZED", `${name} is refused (status ${status})`, {
      hint: "look at user, password and the user's rights at the camera",
    });
  }
  if (status < 200 || status > 299)
    throw new UmecError("ONVIF_STATUS", `${name}: ${at} answers with status ${status}`);
  if (isUmecError(broken)) {
    throw new UmecError(broken.code, `${name}: ${broken.message}`, {
      cause: broken,
      ...(broken.hint !== undefined && { hint: broken.hint }),
    });
  }
  const answer = content?.children[0];
  if (answer) return answer;
  // A one-way operation may be answered by an empty body.
  if (content) return content;
  throw new UmecError(
    "ONVIF_XML",
    `${name}: the answer is no SOAP envelope but ${JSON.stringify(tree?.name)}`,
  );
}
