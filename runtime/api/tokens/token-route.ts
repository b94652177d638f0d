import { randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import Type from "typebox";
import type { ApiResponse, Route } from "../http/route.ts";
import type { AppTarget } from "../types.ts";
import type { ClientAnswer, Clients } from "./clients.ts";
import type { SigningKeys } from "./signing-keys.ts";

export interface TokenRouteOptions {
  clients: Clients;
  keys: SigningKeys;
  /** The URL that tokens name as who issued them, and as whom they are for. */
  issuer(): string;
  nowMs(): number;
  tokenMs: number;
}

const text = (description: string) => Type.Optional(Type.String({ description }));

/** All optional: what is missing is told in OAuth's own words. */
const form = Type.Object({
  grant_type: text("client_credentials"),
  scope: text("scopes, separated by spaces; all that the application has when there is none"),
  client_id: text("the application's name, where it is not in the header"),
  client_secret: text("its secret, where it is not in the header"),
});

const token = Type.Object({
  access_token: Type.String(),
  token_type: Type.Literal("Bearer"),
  expires_in: Type.Integer({ description: "seconds" }),
  scope: Type.String(),
});

const refusal = Type.Object({ error: Type.String(), error_description: Type.Optional(Type.String()) });

/** The token endpoint (RFC 6749 sections 4.4 and 5). */
export function tokenRoute(options: TokenRouteOptions): Route {
  return {
    method: "post",
    path: "/oauth2/v1/token",
    operationId: "OAuth2Token_POST",
    summary: "An access token for an application, by its name and secret (RFC 6749 section 4.4)",
    scope: undefined,
    bodyTypes: ["application/x-www-form-urlencoded"],
    body: form,
    responses: {
      200: { description: "a token, and what it allows", schema: token },
      400: { description: "the request is not right (RFC 6749 section 5.2)", schema: refusal },
      401: { description: "the name or the secret is wrong", schema: refusal },
      429: { description: "too many wrong secrets", schema: refusal },
    },
    handle: (request) => {
      const given = request.body as Readonly<Record<string, string>>;
      const answer = options.clients.identify(request, given);
      if (!("app" in answer)) return refused(answer);
      if (given.grant_type !== "client_credentials") {
        const error = given.grant_type === undefined ? "invalid_request" : "unsupported_grant_type";
        return badRequest(error, "grant_type must be client_credentials");
      }
      return issue(answer.app, given.scope, options);
    },
  };
}

async function issue(
  app: AppTarget,
  asked: string | undefined,
  { keys, issuer, nowMs, tokenMs }: TokenRouteOptions,
): Promise<ApiResponse> {
  const wanted = asked?.split(" ").filter((scope) => scope !== "") ?? app.scopes;
  const granted = app.scopes.filter((scope) => wanted.includes(scope));
  if (granted.length === 0) return badRequest("invalid_scope", `the application has ${app.scopes.join(" ")}`);
  const { kid, key } = await keys.current();
  const iat = Math.floor(nowMs() / 1000);
  const scope = granted.join(" ");
  // RFC 9068 section 2.2, and what voids the token when the secret is another one.
  const claims = { scope, client_id: app.name, secret_mark: keys.mark(app.secretSha256!) };
  const access_token = await new SignJWT(claims)
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid })
    .setIssuer(issuer())
    .setAudience(issuer())
    .setSubject(app.name)
    .setJti(randomUUID())
    .setIssuedAt(iat)
    .setExpirationTime(iat + tokenMs / 1000)
    .sign(key);
  const body = { access_token, token_type: "Bearer", expires_in: tokenMs / 1000, scope };
  return { status: 200, headers: { "cache-control": "no-store" }, body };
}

function refused({
  error,
  description,
  basic,
  retryAfterS,
}: Exclude<ClientAnswer, { app: AppTarget }>): ApiResponse {
  const body = { error, error_description: description };
  if (retryAfterS !== undefined)
    return { status: 429, headers: { "retry-after": String(retryAfterS) }, body };
  if (error === "invalid_request") return badRequest(error, description);
  return { status: 401, headers: basic ? { "www-authenticate": 'Basic realm="umec"' } : {}, body };
}

function badRequest(error: string, description: string): ApiResponse {
  return { status: 400, body: { error, error_description: description } };
}
