/**
 * The public keys of one identity provider: found by OpenID Connect Discovery 1.0 section 4, kept on disk, fetched again
 * when they are ten minutes old or when a token names one that is not there, but not more often than each 30 s.
 *
 * While the provider can't be reached, what was fetched is believed for the grace that the target state gives, also over a
 * restart; then tokens are answered with 503 until it is there again. A file that can't be read is as good as none.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import type { Clock } from "../../clock.ts";
import { writeDurable } from "../../durable-file.ts";
import { messageOf, UmecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { Problem } from "../http/problem.ts";
import { fetchJson } from "./fetch-json.ts";

export interface IssuerKeys {
  /** @throws Problem 503 when there are none that may be believed */
  find(): Promise<JWTVerifyGetKey>;
  /** Fetches them again, if that may be; whether they are new. */
  renew(): Promise<boolean>;
}

export interface IssuerKeysOptions {
  dir: string;
  url: string;
  offlineGraceMs: number;
  clock: Clock;
  signal: AbortSignal;
  log: Log;
}

interface Fetched {
  url: string;
  fetchedAtMs: number;
  jwks: JSONWebKeySet;
}

const freshMs = 10 * 60_000;
const betweenMs = 30_000;

export function createIssuerKeys(options: IssuerKeysOptions): IssuerKeys {
  const { dir, url, offlineGraceMs, clock, signal, log } = options;
  const digest = createHash("sha256").update(url).digest("hex").slice(0, 16);
  const path = join(dir, `issuer-${digest}.json`);
  let known: (Fetched & { find: JWTVerifyGetKey }) | undefined;
  let loading: Promise<void> | undefined;
  let fetching: Promise<boolean> | undefined;
  let triedAtMs = Number.NEGATIVE_INFINITY;

  async function load(): Promise<void> {
    try {
      const fetched = JSON.parse(await readFile(path, "utf8")) as Fetched;
      if (fetched.url === url) known ??= { ...fetched, find: createLocalJWKSet(fetched.jwks) };
    } catch {}
  }

  async function fetchKeys(): Promise<boolean> {
    triedAtMs = clock.monotonicMs();
    try {
      const fetched = { url, fetchedAtMs: clock.nowMs(), jwks: await fetchJwks(url, signal) };
      known = { ...fetched, find: createLocalJWKSet(fetched.jwks) };
      await writeDurable(path, JSON.stringify(fetched));
      return true;
    } catch (error) {
      const cause = (error as Error).cause;
      const reason = cause === undefined ? messageOf(error) : `${messageOf(error)}: ${messageOf(cause)}`;
      if (!signal.aborted) log.warn("the keys of an identity provider could not be fetched", { url, reason });
      return false;
    }
  }

  function renew(): Promise<boolean> {
    if (!fetching && clock.monotonicMs() - triedAtMs < betweenMs) return Promise.resolve(false);
    fetching ??= fetchKeys().finally(() => {
      fetching = undefined;
    });
    return fetching;
  }

  const ageMs = (): number => (known ? clock.nowMs() - known.fetchedAtMs : Number.POSITIVE_INFINITY);
  return {
    renew,
    async find() {
      loading ??= load();
      await loading;
      if (ageMs() > offlineGraceMs) await renew();
      else if (ageMs() > freshMs) void renew();
      if (known && ageMs() <= offlineGraceMs) return known.find;
      throw new Problem(503, "API_ISSUER", `the identity provider ${url} can't be reached`, {
        hint: "the token can be judged when it is there again",
        headers: { "retry-after": String(betweenMs / 1000) },
      });
    },
  };
}

async function fetchJwks(issuer: string, signal: AbortSignal): Promise<JSONWebKeySet> {
  const base = issuer.endsWith("/") ? issuer.slice(0, -1) : issuer;
  const metadata = await fetchJson(`${base}/.well-known/openid-configuration`, signal);
  if (metadata.issuer !== issuer)
    throw new UmecError("API_ISSUER", `it calls itself ${JSON.stringify(metadata.issuer)}, not ${issuer}`);
  const jwks = await fetchJson(String(metadata.jwks_uri), signal);
  if (!Array.isArray(jwks.keys)) throw new UmecError("API_ISSUER", `${metadata.jwks_uri} has no keys`);
  // Shared secrets have no place there.
  return { keys: jwks.keys.filter(({ kty }) => kty !== "oct") };
}
