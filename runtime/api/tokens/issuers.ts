import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { AppTarget, IssuerTarget, Principal } from "../types.ts";
import { createIssuerKeys, type IssuerKeys } from "./issuer-keys.ts";
import { createRecent } from "./recent.ts";
import { invalidToken } from "./refusal.ts";
import { principalOf } from "./roles.ts";

export interface IssuersOptions {
  dir: string;
  issuers(): readonly IssuerTarget[];
  apps(): readonly AppTarget[];
  clock: Clock;
  leewayS: number;
  log: Log;
}

export interface Issuers {
  /**
   * Who a token of `issuer` stands for. Rejects with what is wrong with it, or with a `Problem`.
   *
   * @param issuer as the token says, unverified
   */
  verify(token: string, issuer: unknown): Promise<Principal>;
  stop(): Promise<void>;
}

/** Signatures by key pairs alone (RFC 7518 section 3.1, RFC 8037). */
const algorithms = [
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
  "PS256",
  "PS384",
  "PS512",
  "RS256",
  "RS384",
  "RS512",
];

export function createIssuers(options: IssuersOptions): Issuers {
  const { dir, issuers, apps, clock, leewayS, log } = options;
  const stopping = new AbortController();
  const known = new Map<string, { keys: IssuerKeys; offlineGraceMs: number }>();
  const recent = createRecent<JWTPayload>(() => clock.monotonicMs());

  function keysOf({ url, offlineGraceMs }: IssuerTarget): IssuerKeys {
    for (const old of known.keys()) if (!issuers().some((issuer) => issuer.url === old)) known.delete(old);
    const found = known.get(url);
    if (found?.offlineGraceMs === offlineGraceMs) return found.keys;
    const keys = createIssuerKeys({ dir, url, offlineGraceMs, clock, signal: stopping.signal, log });
    known.set(url, { keys, offlineGraceMs });
    return keys;
  }

  async function check(token: string, issuer: IssuerTarget): Promise<JWTPayload> {
    const keys = keysOf(issuer);
    const verifyWith = async (find: JWTVerifyGetKey) => {
      const { payload } = await jwtVerify(token, find, {
        algorithms,
        issuer: issuer.url,
        audience: issuer.audience,
        requiredClaims: ["exp", "sub"],
        clockTolerance: leewayS,
        currentDate: new Date(clock.nowMs()),
      });
      return payload;
    };
    const find = await keys.find();
    const claims = recent.get(token);
    if (claims?.aud !== undefined && [claims.aud].flat().includes(issuer.audience)) return claims;
    try {
      return await verifyWith(find);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // It may have been made since.
      if (!(await keys.renew())) throw invalidToken("its key is none of its issuer's");
      return verifyWith(await keys.find());
    }
  }

  return {
    async verify(token, iss) {
      const issuer = issuers().find(({ url }) => url === iss);
      if (!issuer) throw invalidToken("its issuer is not one of this node's");
      if (!clock.known())
        throw invalidToken("the node does not know the time yet, so it can't tell whether the token is over");
      const claims = await check(token, issuer);
      if (claims.exp! + leewayS < clock.nowMs() / 1000)
        throw invalidToken("it is over", "ask for another one");
      recent.set(token, claims);
      return { ...principalOf(claims, issuer, apps()), expiresAtMs: claims.exp! * 1000 };
    },
    async stop() {
      stopping.abort();
    },
  };
}
