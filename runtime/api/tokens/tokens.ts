/**
 * Who asks: access tokens of the node's own (RFC 9068), tokens of identity providers, certificates.
 *
 * An application gets a token for its name and secret, good for 15 minutes, and with no more scopes than it asked for. What
 * a token allows is looked up in the target state at each request, so an application that left it, or whose secret or scopes
 * changed, is held to that at once: a token proves who it is and can only narrow what it may.
 *
 * Only the algorithms that are named here are ever tried, with public keys of their kind, so neither `none` nor a public key
 * taken for a shared secret gets anywhere. Tokens come in the header alone: one in a URL would lie in logs.
 *
 * The node's own tokens carry its own clock, so a board that does not know the time yet can serve its applications. Tokens
 * of providers are refused until it does: one that is long over would look fresh.
 *
 * A token that was good is remembered for a minute, as to check a signature costs more than all else; what it allows, and
 * whether it is over, is not.
 */
import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import type { Clock } from "../../clock.ts";
import { messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { isProblem } from "../http/problem.ts";
import type { ApiFamily } from "../http/route.ts";
import type { AppTarget, IssuerTarget, Principal } from "../types.ts";
import { createClients } from "./clients.ts";
import { createIssuers } from "./issuers.ts";
import { appPrincipal } from "./principals.ts";
import { createRecent } from "./recent.ts";
import { invalidToken } from "./refusal.ts";
import { tokenFamily } from "./routes.ts";
import { openSigningKeys } from "./signing-keys.ts";

export interface TokensOptions {
  /** A directory for keys, of the owner alone. Made when it is not there. */
  dir: string;
  /** The API's URL: who issues tokens, and whom they are for. The same over restarts, or tokens are void. */
  issuer(): string;
  /** Of the target state, as it is now. */
  apps(): readonly AppTarget[];
  /** Identity providers, as the target state names them now. */
  issuers(): readonly IssuerTarget[];
  clock: Clock;
  /** How long a token is good. @default 15 min */
  tokenMs?: number;
  /** How long a key signs. @default 30 days */
  rotateMs?: number;
  log: Log;
}

export interface Tokens {
  readonly family: ApiFamily;
  /** For `ApiServerOptions.authenticate`. */
  authenticate(request: {
    headers: Headers;
    certificateName: string | undefined;
  }): Promise<Principal | undefined>;
  stop(): Promise<void>;
}

const leewayS = 30;

export async function createTokens(options: TokensOptions): Promise<Tokens> {
  const { dir, issuer, apps, clock, tokenMs = 15 * 60_000, log } = options;
  const nowMs = (): number => clock.nowMs();
  const monotonicMs = (): number => clock.monotonicMs();
  const keysMs = { nowMs, tokenMs: tokenMs + leewayS * 1000 };
  const rotation = options.rotateMs === undefined ? {} : { rotateMs: options.rotateMs };
  const keys = await openSigningKeys({ dir, ...keysMs, ...rotation, log });
  const clients = createClients(apps, monotonicMs);
  const issuers = createIssuers({ dir, issuers: options.issuers, apps, clock, leewayS, log });
  const recent = createRecent<JWTPayload>(monotonicMs);

  function appOf(name: unknown): AppTarget {
    const app = apps().find((one) => one.name === name);
    if (!app) throw invalidToken("its application is not one of this node's any more");
    return app;
  }

  /** What is asked at each request, of claims whose signature was good. */
  function judge(token: string, claims: JWTPayload): Principal {
    const nowS = nowMs() / 1000;
    // Again, as it may be remembered: time goes on, and the clock may have been set back.
    if (claims.exp! + leewayS < nowS) throw invalidToken("it is over", "ask for another one");
    if (claims.iat! - leewayS > nowS) throw invalidToken("it is from the future", "ask for another one");
    recent.set(token, claims);
    const app = appOf(claims.client_id);
    if (app.secretSha256 === undefined || keys.mark(app.secretSha256) !== claims.secret_mark)
      throw invalidToken("the secret of its application has changed", "ask for another one");
    return { ...appPrincipal(app, String(claims.scope).split(" ")), expiresAtMs: claims.exp! * 1000 };
  }

  async function check(token: string): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, keys.find, {
      algorithms: ["ES256"],
      typ: "at+jwt",
      issuer: issuer(),
      audience: issuer(),
      requiredClaims: ["exp", "iat", "client_id", "scope", "secret_mark"],
      clockTolerance: leewayS,
      // Signed by a clock that was ahead, it would be good for longer than it may.
      maxTokenAge: tokenMs / 1000,
      currentDate: new Date(nowMs()),
    });
    return payload;
  }

  async function verify(token: string): Promise<Principal> {
    const known = recent.get(token);
    if (known?.iss === issuer()) return judge(token, known);
    try {
      const { iss } = decodeJwt(token);
      return iss === issuer() ? judge(token, await check(token)) : await issuers.verify(token, iss);
    } catch (error) {
      if (isProblem(error)) throw error;
      if (error instanceof errors.JWTExpired) throw invalidToken("it is over", "ask for another one");
      throw invalidToken(messageOf(error).slice(0, 200));
    }
  }

  return {
    family: tokenFamily({ clients, keys, issuer, nowMs, tokenMs }),
    async authenticate({ headers, certificateName }) {
      const token = /^bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
      if (token !== undefined) return verify(token);
      return certificateName === undefined ? undefined : appPrincipal(appOf(certificateName));
    },
    stop: () => issuers.stop(),
  };
}
