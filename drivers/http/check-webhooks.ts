import { BlockList, isIP } from "node:net";
import type { OptionFinding } from "../../runtime/plugin/sdk.ts";
import { checkPoints } from "./check-points.ts";
import type { HttpOptions } from "./options.ts";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether nobody but this machine itself reaches the address; `host` may have the brackets of a URL. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const version = isIP(bare);
  if (version === 0) return bare === "localhost";
  return loopback.check(bare, version === 4 ? "ipv4" : "ipv6");
}

/** What the schema can't say about webhooks. */
export function checkWebhooks({ requests, webhooks, listen }: HttpOptions): OptionFinding[] {
  const findings: OptionFinding[] = [];
  const owners = new Map<string, string>();
  if (Object.keys(webhooks).length > 0 && isIP(listen.address) === 0 && listen.address !== "localhost") {
    const hint = "use an address of this machine, or 0.0.0.0 or :: for all";
    findings.push({ pointer: "/listen/address", reason: "is no IP address", hint });
  }
  for (const [name, webhook] of Object.entries(webhooks)) {
    const at = `/webhooks/${name}`;
    const path = webhook.path ?? `/${name}`;
    const owner = owners.get(path);
    if (owner === undefined) owners.set(path, name);
    else findings.push({ pointer: `${at}/path`, reason: `${path} is the path of ${owner}` });
    if (Object.hasOwn(requests, name))
      findings.push({ pointer: at, reason: `a request is called ${name}, too`, hint: "rename one of them" });
    if (webhook.auth.kind === "none" && !isLoopback(listen.address)) {
      findings.push({
        pointer: `${at}/auth`,
        reason: `everybody who reaches ${listen.address} could post to it`,
        hint: "use bearer or hmac-sha256 with a secret, or listen on 127.0.0.1",
      });
    }
    findings.push(...checkPoints(webhook.points, `${at}/points`));
    findings.push(...checkPoints(webhook.each?.points ?? {}, `${at}/each/points`));
    if (Object.keys(webhook.points).length === 0 && !webhook.each)
      findings.push({
        pointer: at,
        reason: "nothing of what is posted is used",
        hint: "name points, or each",
      });
  }
  return findings;
}
