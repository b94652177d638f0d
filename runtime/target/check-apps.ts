/** Applications and their API: what a schema can't say. */
import { isIP } from "node:net";
import { checkReadable } from "./check-readable.ts";
import type { Problem } from "./finding.ts";
import { isRecord, toPointer } from "./json.ts";
import { nearest } from "./nearest.ts";

/** All are as in the file, and may be of any shape; `path` is the file's. */
export async function checkApps(file: Readonly<Record<string, unknown>>, path: string): Promise<Problem[]> {
  const apps = isRecord(file.apps) ? file.apps : {};
  const api = isRecord(file.api) ? file.api : undefined;
  const plugins = Object.keys(isRecord(file.plugins) ? file.plugins : {});
  const problems: Problem[] = [];
  if (!api && Object.keys(apps).length > 0) {
    const hint = "add the key api, or take the applications out";
    problems.push({ pointer: "/apps", at: "key", severity: "warning", reason: "there is no API", hint });
  }
  if (api) problems.push(...checkApi(api, Object.keys(apps)), ...(await checkFiles(api, path)));
  const taken = { appInstanceId: new Map<string, string>(), secretSha256: new Map<string, string>() };
  for (const [name, app] of Object.entries(apps)) {
    if (!isRecord(app)) continue;
    const pointer = toPointer("apps", name);
    problems.push(...checkPatterns(app, pointer, plugins), ...checkRules(app, pointer));
    for (const key of ["appInstanceId", "secretSha256"] as const) {
      const value = app[key];
      if (typeof value !== "string") continue;
      const owner = taken[key].get(value);
      taken[key].set(value, name);
      if (owner !== undefined)
        problems.push({
          pointer: `${pointer}/${key}`,
          reason: `is ${owner}'s already`,
          hint: key === "secretSha256" ? `make another one: umec app secret ${name}` : "leave it out",
        });
    }
    if (api && app.secretSha256 === undefined && !canComeOtherwise(name, api))
      problems.push({
        pointer,
        at: "key",
        severity: "warning",
        reason: "it can get no token: it has no secret, and there is neither clientCa nor a role for it",
        hint: `umec app secret ${name}`,
      });
  }
  return problems;
}

function canComeOtherwise(name: string, api: Record<string, unknown>): boolean {
  if (api.clientCa !== undefined) return true;
  const issuers = Array.isArray(api.issuers) ? api.issuers : [];
  return issuers.some(
    (issuer) =>
      isRecord(issuer) &&
      isRecord(issuer.roles) &&
      Object.values(issuer.roles).some((role) => isRecord(role) && role.app === name),
  );
}

function checkApi(api: Record<string, unknown>, apps: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  const { bus } = api;
  if (isRecord(bus) && bus.port !== 0 && bus.port === api.port && (bus.host ?? api.host) === api.host) {
    const hint = "give the bus another one, such as 8444";
    problems.push({ pointer: "/api/bus/port", reason: "is the port of the API already", hint });
  }
  for (const [index, issuer] of (Array.isArray(api.issuers) ? api.issuers : []).entries()) {
    if (!isRecord(issuer)) continue;
    const { url, roles } = issuer;
    if (typeof url === "string" && /^http:/.test(url) && !/^http:\/\/(localhost|127\.|\[::1\])/.test(url)) {
      const pointer = toPointer("api", "issuers", index, "url");
      const hint = "use https://";
      problems.push({ pointer, reason: "keys that come in the clear can't be believed", hint });
    }
    for (const [name, role] of Object.entries(isRecord(roles) ? roles : {})) {
      if (!isRecord(role)) continue;
      const pointer = toPointer("api", "issuers", index, "roles", name);
      if ((role.level === undefined) === (role.app === undefined)) {
        const reason = role.app === undefined ? "it stands for nothing" : "it stands for two";
        problems.push({ pointer, at: "key", reason, hint: "give it one of level, app" });
      } else if (typeof role.app === "string" && !apps.includes(role.app)) {
        problems.push({ pointer: `${pointer}/app`, ...unknown("application", role.app, apps) });
      }
    }
  }
  return problems;
}

function unknown(kind: string, name: string, known: readonly string[]): { reason: string; hint: string } {
  const near = nearest(name, known);
  const all = known.length === 0 ? `there are no ${kind}s` : `${kind}s: ${known.join(", ")}`;
  return { reason: `there is no ${kind} ${name}`, hint: near === undefined ? all : `did you mean ${near}?` };
}

async function checkFiles(api: Record<string, unknown>, path: string): Promise<Problem[]> {
  const tls = isRecord(api.tls) ? api.tls : {};
  const files = [
    ["/api/tls/certificate", tls.certificate],
    ["/api/tls/key", tls.key],
    ["/api/clientCa", api.clientCa],
  ] as const;
  const hint = "the API does not start until it is there; the node samples and stores meanwhile";
  const found = files.map(([pointer, file]) => checkReadable(file, { path, pointer, hint }));
  return (await Promise.all(found)).flat();
}

/** A plugin that is not there is only doubtful: it may come later, and the right does no harm until then. */
function checkPatterns(app: Record<string, unknown>, pointer: string, plugins: readonly string[]): Problem[] {
  return (["read", "write"] as const).flatMap((key) =>
    (Array.isArray(app[key]) ? (app[key] as unknown[]) : []).flatMap((pattern, index): Problem[] => {
      const plugin = typeof pattern === "string" ? pattern.split("/")[0]! : "*";
      if (plugin.startsWith("*") || plugins.includes(plugin)) return [];
      return [
        {
          pointer: `${pointer}${toPointer(key, index)}`,
          severity: "warning",
          ...unknown("plugin", plugin, plugins),
        },
      ];
    }),
  );
}

function checkRules(app: Record<string, unknown>, pointer: string): Problem[] {
  const problems: Problem[] = [];
  for (const [id, rule] of Object.entries(isRecord(app.dnsRules) ? app.dnsRules : {})) {
    if (!isRecord(rule) || typeof rule.ipAddress !== "string" || isIP(rule.ipAddress) !== 0) continue;
    const at = `${pointer}${toPointer("dnsRules", id, "ipAddress")}`;
    problems.push({ pointer: at, reason: "must be an address of IPv4 or IPv6" });
  }
  for (const [id, rule] of Object.entries(isRecord(app.trafficRules) ? app.trafficRules : {}))
    if (isRecord(rule)) problems.push(...checkTraffic(rule, `${pointer}${toPointer("trafficRules", id)}`));
  return problems;
}

function checkTraffic(rule: Record<string, unknown>, pointer: string): Problem[] {
  const problems: Problem[] = [];
  const { action, destinations, filters } = rule;
  const sends = typeof action === "string" && /^(FORWARD|DUPLICATE)_/.test(action);
  const given = Array.isArray(destinations) ? destinations : [];
  if (sends && given.length === 0)
    problems.push({ pointer, at: "key", reason: `${action} needs destinations`, hint: "say where to" });
  if (!sends && given.length > 0)
    problems.push({ pointer: `${pointer}/destinations`, reason: `${String(action)} sends nothing anywhere` });
  for (const [index, filter] of (Array.isArray(filters) ? filters : []).entries()) {
    if (!isRecord(filter)) continue;
    const at = `${pointer}${toPointer("filters", index)}`;
    for (const key of ["srcAddress", "dstAddress"])
      problems.push(
        ...unfit(
          filter[key],
          `${at}/${key}`,
          isNetwork,
          "must be an address, or one with a prefix: 192.0.2.0/24",
        ),
      );
    for (const key of ["srcPort", "dstPort"])
      problems.push(
        ...unfit(filter[key], `${at}/${key}`, isPorts, "must be a port of 1 to 65535, or from-to"),
      );
    problems.push(
      ...unfit(filter.protocol, `${at}/protocol`, isProtocol, "must be IANA's name or number of a protocol"),
    );
  }
  for (const [index, destination] of given.entries()) {
    if (!isRecord(destination)) continue;
    const at = `${pointer}${toPointer("destinations", index)}`;
    const { dstIpAddress } = destination;
    if (typeof dstIpAddress === "string" && isIP(dstIpAddress) === 0)
      problems.push({ pointer: `${at}/dstIpAddress`, reason: "must be an address of IPv4 or IPv6" });
    if (Object.keys(destination).length === 0)
      problems.push({ pointer: at, reason: "says nothing", hint: "give it an interface or an address" });
  }
  return problems;
}

function unfit(list: unknown, pointer: string, fits: (text: string) => boolean, reason: string): Problem[] {
  return (Array.isArray(list) ? (list as unknown[]) : []).flatMap((text, index) =>
    typeof text === "string" && !fits(text) ? [{ pointer: `${pointer}/${index}`, reason }] : [],
  );
}

function isNetwork(text: string): boolean {
  const [address = "", prefix, ...more] = text.split("/");
  const kind = isIP(address);
  if (kind === 0 || more.length > 0) return false;
  return prefix === undefined || (/^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= (kind === 4 ? 32 : 128));
}

function isPorts(text: string): boolean {
  const [from, to = from, ...more] = text
    .split("-")
    .map((part) => (/^[0-9]{1,5}$/.test(part) ? Number(part) : 0));
  return more.length === 0 && from! >= 1 && to! >= from! && to! <= 65_535;
}

function isProtocol(text: string): boolean {
  return /^[0-9]+$/.test(text) ? Number(text) <= 255 : /^[a-z][a-z0-9-]{0,31}$/i.test(text);
}
