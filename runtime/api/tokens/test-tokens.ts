/** For tests: an API whose tokens are real, with one route for each kind of right. */
import { createHash, randomUUID } from "node:crypto";
import type { Clock } from "../../clock.ts";
import { silentLog } from "../../log.ts";
import type { Route } from "../http/route.ts";
import { familyOf, serveTestApi } from "../http/test-api.ts";
import type { AppTarget, IssuerTarget, Scope } from "../types.ts";
import { createTokens, type Tokens } from "./tokens.ts";

export const secret = "correct horse battery staple";

export function appTarget(name: string, given: Partial<AppTarget> = {}): AppTarget {
  return {
    name,
    appInstanceId: randomUUID(),
    secretSha256: sha256(secret),
    scopes: ["mec_iot", "things_read"],
    read: ["lamp/**"],
    write: [],
    bus: { publish: [], subscribe: [] },
    dnsRules: [],
    trafficRules: [],
    ...given,
  };
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A clock that only the test moves. */
export function testClock(): Clock & { nowIs: number; isKnown: boolean } {
  return {
    nowIs: Date.UTC(2026, 10, 30),
    isKnown: true,
    nowMs() {
      return this.nowIs;
    },
    monotonicMs() {
      return this.nowIs;
    },
    known() {
      return this.isKnown;
    },
  };
}

function whoRoute(scope: Scope): Route {
  return {
    method: "get",
    path: `/${scope}`,
    operationId: scope,
    summary: scope,
    scope,
    responses: { 200: { description: "who asks" } },
    handle: ({ principal }) => ({
      status: 200,
      body: { ...principal, scopes: [...(principal?.scopes ?? [])] },
    }),
  };
}

export interface TestTokens {
  tokens: Tokens;
  url: string;
  apps: AppTarget[];
  issuers: IssuerTarget[];
  clock: ReturnType<typeof testClock>;
  /** Asks the token endpoint. */
  ask(form: Record<string, string>, headers?: Record<string, string>): Promise<Response>;
  /** A token of the app with the secret. */
  tokenOf(name: string, scope?: string): Promise<string>;
  /** What a route says of the token's principal, or its problem. */
  who(
    token: string,
    scope?: Scope,
  ): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>;
  stop(): Promise<void>;
}

export async function serveTokens(
  dir: string,
  given: Partial<Pick<TestTokens, "apps" | "issuers" | "clock">> & { rotateMs?: number } = {},
): Promise<TestTokens> {
  const apps = given.apps ?? [appTarget("board")];
  const issuers = given.issuers ?? [];
  const clock = given.clock ?? testClock();
  const tokens = await createTokens({
    dir,
    issuer: () => "https://lamp-0042:8443",
    apps: () => apps,
    issuers: () => issuers,
    clock,
    ...(given.rotateMs !== undefined && { rotateMs: given.rotateMs }),
    log: silentLog,
  });
  const rights = familyOf(whoRoute("mec_iot"), whoRoute("things_read"), whoRoute("things_write"));
  const api = await serveTestApi([tokens.family, rights], [], { authenticate: tokens.authenticate });
  const ask: TestTokens["ask"] = (form, headers = {}) =>
    fetch(`${api.url}/oauth2/v1/token`, { method: "POST", body: new URLSearchParams(form), headers });
  return {
    tokens,
    url: api.url,
    apps,
    issuers,
    clock,
    ask,
    async tokenOf(name, scope) {
      const form = { grant_type: "client_credentials", client_id: name, client_secret: secret };
      const answer = await ask(scope === undefined ? form : { ...form, scope });
      const { access_token } = (await answer.json()) as { access_token: string };
      return access_token;
    },
    async who(token, scope = "mec_iot") {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${api.url}/t/${scope}`, { headers });
      const body = (await answer.json()) as Record<string, unknown>;
      return { status: answer.status, body, headers: answer.headers };
    },
    async stop() {
      await tokens.stop();
      await api.stop();
    },
  };
}
