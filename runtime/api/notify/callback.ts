/**
 * Where notifications may go.
 *
 * An application names the URI, and the node dials it: so an application could reach through the node what it can't
 * reach itself. Refused are
 * - all schemes but `http` and `https`, and URIs with a user or a password in them;
 * - link-local addresses (169.254.0.0/16, fe80::/10), where clouds answer with a machine's credentials, the metadata
 *   names of clouds, `0.0.0.0/8` and `::`, multicast, broadcast and documentation-only addresses;
 * - the node's own ports that the caller names (`refusedPorts`): its bus, its monitoring.
 *
 * Loopback and private addresses are allowed: applications live on the node, or beside it. A name is judged when it is
 * written down and its addresses once more each time it is dialled, so a name that changes its mind gains nothing.
 */
import type { LookupFunction } from "node:net";
import { BlockList, isIP } from "node:net";
import { UmecError } from "../../errors.ts";

const mostChars = 2_048;
const refusedNames = new Set(["metadata", "metadata.google.internal", "metadata.goog", "instance-data"]);

const refused = new BlockList();
for (const [net, bits] of [
  ["0.0.0.0", 8],
  ["100.100.100.200", 32],
  ["169.254.0.0", 16],
  ["192.0.0.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  refused.addSubnet(net, bits, "ipv4");
for (const [net, bits] of [
  ["::", 128],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
  ["fd00:ec2::254", 128],
  ["64:ff9b::", 96],
  ["2002::", 16],
] as const)
  refused.addSubnet(net, bits, "ipv6");

export interface CallbackPolicy {
  /** Ports on loopback that no notification is sent to. @default [] */
  refusedPorts?: readonly number[];
}

/**
 * The URI, taken apart.
 *
 * @throws UmecError `NOTIFY_CALLBACK_REFUSED`
 */
export function checkCallback(text: string, policy: CallbackPolicy = {}): URL {
  if (text.length > mostChars)
    throw refusal(`${text.slice(0, 80)}…`, `it has more than ${mostChars} characters`);
  if (!URL.canParse(text)) throw refusal(text, "it is no absolute URI");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw refusal(text, "it is neither http nor https");
  if (url.username !== "" || url.password !== "") throw refusal(text, "it carries a user or a password");
  const host = bareHost(url);
  if (refusedNames.has(host.toLowerCase().replace(/\.$/, "")))
    throw refusal(text, `${host} is not for applications`);
  if (isIP(host) !== 0) checkAddress(host, text);
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  if (policy.refusedPorts?.includes(port) && isOwn(host))
    throw refusal(text, `port ${port} is the node's own`);
  return url;
}

/** A `lookup` for sockets that gives only addresses that may be dialled. */
export function guardedLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, found, family) => {
      if (error) return callback(error, found, family);
      const addresses = typeof found === "string" ? [found] : found.map(({ address }) => address);
      for (const address of addresses) {
        if (isRefused(address)) return callback(refusal(hostname, `it resolves to ${address}`), "", 0);
      }
      callback(null, found, family);
    });
  };
}

function checkAddress(address: string, text: string): void {
  if (isRefused(address)) throw refusal(text, `${address} is not for applications`);
}

function isRefused(address: string): boolean {
  return refused.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

function isOwn(host: string): boolean {
  return host === "localhost" || host.startsWith("127.") || host === "::1" || host.startsWith("::ffff:7f");
}

function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function refusal(text: string, reason: string): UmecError {
  const hint = "give an http or https URI of the application itself";
  return new UmecError("NOTIFY_CALLBACK_REFUSED", `callback ${text}: ${reason}`, { hint });
}
