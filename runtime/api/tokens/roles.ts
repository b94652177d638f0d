import type { JWTPayload } from "jose";
import type { AppTarget, IssuerTarget, Principal } from "../types.ts";
import { appPrincipal, highest, userPrincipal } from "./principals.ts";
import { invalidToken } from "./refusal.ts";

/**
 * Who a provider's token stands for: an application when one of its roles does, else a person of the highest level.
 *
 * @throws Problem 401 when no role stands for anything
 */
export function principalOf(
  claims: JWTPayload,
  { url, rolesClaim, roles }: IssuerTarget,
  apps: readonly AppTarget[],
): Principal {
  const given = rolesIn(claims, rolesClaim);
  const meant = given.flatMap((role) => (Object.hasOwn(roles, role) ? [roles[role]!] : []));
  const app = meant.find((role) => role.app !== undefined)?.app;
  if (app !== undefined) {
    const found = apps.find(({ name }) => name === app);
    if (!found) throw invalidToken(`its role stands for ${app}, which is no application of this node`);
    return appPrincipal(found);
  }
  const level = highest(meant.flatMap((role) => role.level ?? []));
  if (level === undefined)
    throw invalidToken(
      `none of its roles in ${rolesClaim} stands for anything here`,
      "see api.issuers of the target state",
    );
  // A subject is unique for its issuer alone.
  return userPrincipal(`${claims.sub}@${new URL(url).host}`, level);
}

/** The claim by its name, or by its path (`realm_access.roles`); texts are roles separated by spaces. */
function rolesIn(claims: JWTPayload, claim: string): string[] {
  let value: unknown = claims[claim];
  if (value === undefined) {
    value = claims;
    for (const name of claim.split("."))
      value =
        typeof value === "object" && value !== null && Object.hasOwn(value, name)
          ? (value as Record<string, unknown>)[name]
          : undefined;
  }
  if (typeof value === "string") return value.split(" ");
  return Array.isArray(value) ? value.filter((role) => typeof role === "string") : [];
}
