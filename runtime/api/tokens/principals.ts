import { type AppTarget, type Principal, type Scope, scopes } from "../types.ts";

/** An application with the rights that the target state gives it now, and no more scopes than `allowed`. */
export function appPrincipal(app: AppTarget, allowed: readonly string[] = app.scopes): Principal {
  return {
    kind: "app",
    name: app.name,
    appInstanceId: app.appInstanceId,
    scopes: new Set(app.scopes.filter((scope) => allowed.includes(scope))),
    read: app.read,
    write: app.write,
  };
}

export type UserLevel = "viewer" | "operator" | "maintainer" | "owner";

const levelScopes: Readonly<Record<UserLevel, readonly Scope[]>> = {
  viewer: ["things_read"],
  operator: ["things_read", "things_write"],
  maintainer: scopes,
  owner: scopes,
};

/** A person. Who has the scopes of ETSI's APIs sees all applications' resources there. */
export function userPrincipal(name: string, level: UserLevel): Principal {
  const write = level === "viewer" ? [] : ["**"];
  return { kind: "user", name, scopes: new Set(levelScopes[level]), read: ["**"], write };
}

/** Of several levels the one that may most. */
export function highest(levels: readonly UserLevel[]): UserLevel | undefined {
  const order = Object.keys(levelScopes) as UserLevel[];
  return order.findLast((level) => levels.includes(level));
}
