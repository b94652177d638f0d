/** For tests: an API on loopback, and who asks it. */
import { silentLog } from "../../log.ts";
import { type Principal, scopes } from "../types.ts";
import { Problem } from "./problem.ts";
import type { ApiFamily, Route } from "./route.ts";
import { serveApi } from "./server.ts";
import type { ApiServer, ApiServerOptions } from "./types.ts";

/** An application that may all, unless `given` says otherwise. */
export function appPrincipal(name: string, given: Partial<Principal> = {}): Principal {
  const all = new Set(scopes);
  return { kind: "app", name, appInstanceId: name, scopes: all, read: ["**"], write: ["**"], ...given };
}

const many = 100_000;

/**
 * Serves `families` in the clear. A bearer token is the name of one of `principals`.
 */
export function serveTestApi(
  families: readonly ApiFamily[],
  principals: readonly Principal[] = [appPrincipal("tester")],
  options: Partial<ApiServerOptions> = {},
): Promise<ApiServer> {
  return serveApi({
    host: "127.0.0.1",
    port: 0,
    families,
    log: silentLog,
    async authenticate({ headers, certificateName }) {
      const token = headers.get("authorization")?.replace(/^Bearer /, "") ?? certificateName;
      if (token === undefined) return undefined;
      const found = principals.find(({ name }) => name === token);
      if (!found) throw new Problem(401, "API_TOKEN", "the token is not known");
      return found;
    },
    ...options,
    limits: {
      requestsPerS: many,
      connections: many,
      strangers: many,
      connectionsOfOne: many,
      ...options.limits,
    },
  });
}

/** A family of one root, `/t`. */
export function familyOf(...routes: readonly Route[]): ApiFamily {
  return { roots: ["/t"], title: "test", version: "1", routes };
}
