import { isIP } from "node:net";
import type { Problem } from "../target/finding.ts";
import { toPointer } from "../target/json.ts";
import type { CardNetwork } from "./card-schema.ts";

/** What a pattern can't say about addresses. Takes what is valid by the schema. */
export function checkNetwork(network: CardNetwork | undefined): Problem[] {
  const { address, gateway, dns = [] } = network ?? {};
  const problems: Problem[] = [];
  const family = address === undefined ? undefined : familyOf(address);
  if (family === 0) {
    const hint = "such as 192.168.7.20/24, or fd00::20/64";
    problems.push({ pointer: "/network/address", reason: "must be an address with its prefix length", hint });
  }
  if (gateway !== undefined) {
    const pointer = "/network/gateway";
    if (isIP(gateway) === 0) problems.push({ pointer, reason: "must be an IP address" });
    else if (family === undefined) {
      const hint = "with DHCP the network tells the router: remove this key, or give address";
      problems.push({ pointer, at: "key", reason: "belongs to an address, and there is none", hint });
    } else if (family !== 0 && isIP(gateway) !== family)
      problems.push({ pointer, reason: `must be of the same kind as the address, IPv${family}` });
  }
  dns.forEach((server, index) => {
    if (isIP(server) === 0)
      problems.push({ pointer: toPointer("network", "dns", index), reason: "must be an IP address" });
  });
  return problems;
}

/** 4, 6, or 0 for what is no address with its prefix length. */
function familyOf(address: string): number {
  const [, host = "", length = ""] = /^([^/]+)\/(\d{1,3})$/.exec(address) ?? [];
  const family = isIP(host);
  return Number(length) <= (family === 4 ? 32 : 128) ? family : 0;
}
