/** The weather station's authorization server: tokens for one client (RFC 6749 section 4.4), for a while each. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

export interface StationOAuth {
  clientId: string;
  clientSecret: string;
  /** Life of a token, in seconds. @default 3600 */
  expiresInS?: number;
}

export interface Authorizer {
  /** Answers `POST /oauth/token`. */
  token(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Whether `Authorization` holds a token that is valid now. */
  knows(authorization: string | undefined): boolean;
  /** Ends all tokens, as a server does that was restarted. */
  revoke(): void;
  /** Tokens given so far. */
  readonly given: number;
}

export function createAuthorizer(client: StationOAuth | undefined, nowMs: () => number): Authorizer {
  const untilMs = new Map<string, number>();
  let given = 0;
  const send = (response: ServerResponse, status: number, document: object): void => {
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
    response.end(JSON.stringify(document));
  };
  return {
    async token(request, response) {
      const body = new URLSearchParams(await text(request));
      if (!client || !isClient(client, request.headers.authorization, body)) {
        const error_description = "the client is not known";
        return send(response, 401, { error: "invalid_client", error_description });
      }
      if (body.get("grant_type") !== "client_credentials")
        return send(response, 400, { error: "unsupported_grant_type" });
      const { expiresInS = 3600 } = client;
      const token = randomUUID();
      untilMs.set(token, nowMs() + expiresInS * 1000);
      given += 1;
      send(response, 200, { access_token: token, token_type: "Bearer", expires_in: expiresInS });
    },
    knows(authorization = "") {
      return (untilMs.get(authorization.replace(/^Bearer /, "")) ?? Number.NEGATIVE_INFINITY) > nowMs();
    },
    revoke: () => untilMs.clear(),
    get given() {
      return given;
    },
  };
}

/** In the header or in the body (RFC 6749 section 2.3.1). */
function isClient(
  { clientId, clientSecret }: StationOAuth,
  authorization: string | undefined,
  body: URLSearchParams,
): boolean {
  const encoded = /^Basic (.+)$/.exec(authorization ?? "")?.[1];
  if (encoded === undefined)
    return body.get("client_id") === clientId && body.get("client_secret") === clientSecret;
  const [user, password] = Buffer.from(encoded, "base64")
    .toString()
    .split(":")
    .map((part) => decodeURIComponent(part.replaceAll("+", "%20")));
  return user === clientId && password === clientSecret;
}
