/** `api` and `apps` of a valid file, with defaults filled in, as the resolved target has them. */
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { resolve } from "node:path";
import type { ApiTarget, AppTarget, AppTrafficRule, IssuerTarget, Scope } from "../api/types.ts";
import type { ApiFile, AppFile } from "./schema-api.ts";

export function resolveApi(api: ApiFile, directory: string): ApiTarget {
  const { host, port, url, tls, clientCa, bus, issuers, requestsPerS } = api;
  return {
    host: host!,
    port: port!,
    ...(url !== undefined && { url }),
    ...(tls && {
      tls: { certificatePath: resolve(directory, tls.certificate), keyPath: resolve(directory, tls.key) },
    }),
    ...(clientCa !== undefined && { clientCaPath: resolve(directory, clientCa) }),
    ...(bus && { bus: { host: bus.host ?? host!, port: bus.port } }),
    issuers: issuers!.map(
      ({ url, audience, rolesClaim, roles, offlineGraceMs }): IssuerTarget => ({
        url,
        audience,
        rolesClaim: rolesClaim!,
        roles: roles as IssuerTarget["roles"],
        offlineGraceMs: offlineGraceMs!,
      }),
    ),
    requestsPerS: requestsPerS!,
  };
}

export function resolveApp(name: string, app: AppFile, node: string): AppTarget {
  const { secretSha256, bus, dnsRules, trafficRules } = app;
  return {
    name,
    appInstanceId: app.appInstanceId ?? appInstanceId(node, name),
    ...(secretSha256 !== undefined && { secretSha256 }),
    scopes: app.scopes as readonly Scope[],
    read: app.read!,
    write: app.write!,
    bus: { publish: bus!.publish!, subscribe: bus!.subscribe! },
    dnsRules: Object.entries(dnsRules!).map(([dnsRuleId, rule]) => ({
      dnsRuleId,
      domainName: rule.domainName,
      ipAddressType: isIP(rule.ipAddress) === 6 ? "IP_V6" : "IP_V4",
      ipAddress: rule.ipAddress,
      ttlS: rule.ttlS!,
      active: rule.active!,
    })),
    trafficRules: Object.entries(trafficRules!).map(([trafficRuleId, rule]) => ({
      trafficRuleId,
      priority: rule.priority!,
      filterType: rule.filterType as AppTrafficRule["filterType"],
      filters: rule.filters as AppTrafficRule["filters"],
      action: rule.action as AppTrafficRule["action"],
      destinations: rule.destinations as AppTrafficRule["destinations"],
      active: rule.active!,
    })),
  };
}

/** The namespace of URLs: RFC 9562 section 6.6. */
const urlNamespace = "6ba7b8119dad11d180b400c04fd430c8";

/** A UUID of version 5 (RFC 9562 section 5.5) of `urn:umec:<node>:<app>`. */
export function appInstanceId(node: string, app: string): string {
  const hash = createHash("sha1")
    .update(Buffer.from(urlNamespace, "hex"))
    .update(`urn:umec:${node}:${app}`)
    .digest();
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
