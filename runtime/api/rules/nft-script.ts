/**
 * Traffic rules as rules of nftables.
 *
 * All stand in one chain of hook `forward`, in the order of their priority, and the first one that a packet fits decides
 * it. That hook sees only what passes through the node, from or to its applications: what the node sends and receives
 * itself, its link to the hub, ssh and DNS, never comes there, so no rule can cut it off.
 *
 * - `FLOW` looks at the ends of the connection that the packet belongs to, as connection tracking knows them: who began it
 *   and who answers. So both directions fit, also of what began before the rule, and of what is translated (NAT). The
 *   kernel tracks connections from the first such rule on.
 * - `PACKET` looks at the packet.
 * - `FORWARD` sends the packet as it is to the destination as the next hop, and nowhere else; `DUPLICATE` sends a copy there
 *   and lets the packet pass. Neither address is replaced: who gets it has the address, or passes it on. What comes from
 *   the destination's interface does not fit again.
 *
 * Each filter makes a line for each version of IP that it can fit; all lines of a rule do the same.
 */
import type { ActiveTrafficRule, TrafficFilter } from "../types.ts";
import {
  addressOf,
  type Family,
  interfaceSyntax,
  invalid,
  networkOf,
  portsOf,
  protocolOf,
  protocolsWithPorts,
  unsupported,
} from "./values.ts";

/** A line, and the rule that it is of. */
export interface NftLine {
  rule: string;
  text: string;
}

/** The kernel walks through them for each packet. */
export const mostLines = 1000;
const mostBytes = 1_000_000;
/** Of addresses, ports or protocols in one list. */
const mostInList = 64;
const mostDestinations = 8;

const families: readonly Family[] = ["ip", "ip6"];

/** @throws UmecError `RULES_INVALID`, `RULES_UNSUPPORTED`: names the rule and its field */
export function nftScript(rules: readonly ActiveTrafficRule[]): NftLine[] {
  const ordered = [...rules].sort((a, b) => a.priority - b.priority || (a.id < b.id ? -1 : 1));
  const lines = ordered.flatMap((rule) => linesOf(rule).map((text) => ({ rule: rule.id, text })));
  if (lines.length > mostLines)
    throw invalid("the number of filters of all traffic rules", lines.length, `at most ${mostLines}`);
  const bytes = lines.reduce((sum, { text }) => sum + text.length + 1, 0);
  if (bytes > mostBytes)
    throw invalid("the length of all traffic rules", bytes, `at most ${mostBytes} bytes`);
  return lines;
}

function linesOf(rule: ActiveTrafficRule): string[] {
  const where = `traffic rule ${rule.id}`;
  if (!Number.isInteger(rule.priority) || rule.priority < 0 || rule.priority > 255)
    throw invalid(`${where}: priority`, rule.priority, "a whole number from 0 to 255");
  if (rule.filterType !== "FLOW" && rule.filterType !== "PACKET")
    throw invalid(`${where}: filterType`, rule.filterType, "FLOW or PACKET");
  if (rule.filters.length === 0) throw invalid(`${where}: trafficFilter`, [], "one filter at least");
  const act = actionOf(rule, where);
  // Checked as a whole even where the rule's action leaves a version of IP out.
  const matches = rule.filters.map((filter, index) =>
    matchesOf(filter, rule.filterType, `${where}: trafficFilter ${index}`),
  );
  const lines = matches.flatMap((match) =>
    families.flatMap((family) => {
      const [words, action] = [match[family], act[family]];
      return words === undefined || action === undefined
        ? []
        : [
            ["add rule", family, "umec apps", ...words, ...action, `comment "${commentOf(rule.id)}"`].join(
              " ",
            ),
          ];
    }),
  );
  if (lines.length === 0)
    throw invalid(
      where,
      "a filter and a destination of two versions of IP",
      "of one version, to fit any packet",
    );
  return lines;
}

/** An identifier in the form that a comment of nftables may have; for people who look at the rules. */
function commentOf(id: string): string {
  return id.replace(/[^0-9A-Za-z/_.-]/g, "_").slice(0, 120);
}

type ByFamily = Partial<Record<Family, readonly string[]>>;

function actionOf({ action, destinations }: ActiveTrafficRule, where: string): ByFamily {
  switch (action) {
    case "DROP":
      return { ip: ["counter drop"], ip6: ["counter drop"] };
    case "PASSTHROUGH":
      return { ip: ["counter accept"], ip6: ["counter accept"] };
    case "FORWARD_DECAPSULATED":
      return sendTo(destinations, "drop", where);
    case "DUPLICATE_DECAPSULATED":
      return sendTo(destinations, "accept", where);
    case "FORWARD_ENCAPSULATED":
    case "DUPLICATE_ENCAPSULATED":
      throw unsupported(
        `${where}: action ${action}`,
        "packets are not put into a tunnel (GTP) here",
        "use the action that ends in _DECAPSULATED",
      );
    default:
      throw invalid(`${where}: action`, action, "one of ETSI GS MEC 011 V3.1.1 table 7.1.2.2-1");
  }
}

function sendTo(
  destinations: ActiveTrafficRule["destinations"],
  verdict: "accept" | "drop",
  where: string,
): ByFamily {
  if (destinations.length === 0 || destinations.length > mostDestinations)
    throw invalid(
      `${where}: the number of dstInterface`,
      destinations.length,
      `from 1 to ${mostDestinations}`,
    );
  const copies: Record<Family, string[]> = { ip: [], ip6: [] };
  const others: Record<Family, Set<string>> = { ip: new Set(), ip6: new Set() };
  for (const [index, { interfaceName, dstMacAddress, dstIpAddress }] of destinations.entries()) {
    const field = `${where}: dstInterface ${index}`;
    if (dstMacAddress !== undefined)
      throw unsupported(
        `${field}: dstMacAddress`,
        "a packet is sent by IP address",
        "give dstIpAddress instead",
      );
    if (dstIpAddress === undefined)
      throw unsupported(
        field,
        "an interface alone does not say who gets the packet",
        "give dstIpAddress too",
      );
    const address = addressOf(dstIpAddress);
    if (!address) throw invalid(`${field}: dstIpAddress`, dstIpAddress, "an IPv4 or IPv6 address");
    if (interfaceName !== undefined && !interfaceSyntax.test(interfaceName))
      throw invalid(`${field}: interfaceName`, interfaceName, "the name of an interface of the node");
    const device = interfaceName === undefined ? "" : ` device "${interfaceName}"`;
    copies[address.family].push(`dup to ${address.text}${device}`);
    if (interfaceName !== undefined) others[address.family].add(`iifname != "${interfaceName}"`);
  }
  const many = families.find((family) => copies[family].length > 1);
  if (verdict === "drop" && many)
    throw unsupported(
      `${where}: dstInterface`,
      "a packet is forwarded to one destination",
      "use DUPLICATE_DECAPSULATED to reach several",
    );
  const words = (family: Family) => [...others[family], "counter", ...copies[family], verdict];
  return {
    ...(copies.ip.length > 0 && { ip: words("ip") }),
    ...(copies.ip6.length > 0 && { ip6: words("ip6") }),
  };
}

function matchesOf(
  filter: TrafficFilter,
  filterType: ActiveTrafficRule["filterType"],
  where: string,
): ByFamily {
  const flow = filterType === "FLOW";
  const source = networksOf(filter.srcAddress, `${where}: srcAddress`);
  const destination = networksOf(filter.dstAddress, `${where}: dstAddress`);
  const ports = portWords(filter, flow, where);
  const classes = classWords(filter, flow, where);
  const made: ByFamily = {};
  for (const family of families) {
    const [from, to, kind] = [source?.[family], destination?.[family], classes[family]];
    if ((source && !from) || (destination && !to) || !kind) continue;
    made[family] = [
      ...(from ? [`${flow ? `ct original ${family} saddr` : `${family} saddr`} ${setOf(from)}`] : []),
      // The end that answers, also where the address that the packet was sent to at first is a translated one.
      ...(to ? [`${flow ? `ct reply ${family} saddr` : `${family} daddr`} ${setOf(to)}`] : []),
      ...kind,
      ...ports,
    ];
  }
  if (!made.ip && !made.ip6) throw invalid(where, filter, "of one version of IP, to fit any packet");
  return made;
}

function networksOf(
  texts: readonly string[] | undefined,
  where: string,
): Partial<Record<Family, string[]>> | undefined {
  const checked = listOf(texts, where, networkOf, "an address or a network such as 10.1.0.0/16");
  if (!checked) return undefined;
  const by: Partial<Record<Family, string[]>> = {};
  for (const { family, text } of checked) by[family] = [...(by[family] ?? []), text];
  return by;
}

function portWords({ srcPort, dstPort, protocol }: TrafficFilter, flow: boolean, where: string): string[] {
  const expected = "a port, or a range such as 8000-8010";
  const from = listOf(srcPort, `${where}: srcPort`, portsOf, expected);
  const to = listOf(dstPort, `${where}: dstPort`, portsOf, expected);
  const named = listOf(
    protocol,
    `${where}: protocol`,
    protocolOf,
    "a protocol's name such as udp, or its number",
  );
  const withoutPorts = named?.find((number) => !protocolsWithPorts.includes(number));
  if ((from || to) && withoutPorts !== undefined)
    throw invalid(`${where}: protocol`, withoutPorts, "one that has ports, where a port is given");
  const numbers = named ?? (from || to ? protocolsWithPorts : undefined);
  return [
    ...(numbers ? [`meta l4proto ${setOf(numbers.map(String))}`] : []),
    ...(from ? [`${flow ? "ct original proto-src" : "th sport"} ${setOf(from)}`] : []),
    ...(to ? [`${flow ? "ct reply proto-src" : "th dport"} ${setOf(to)}`] : []),
  ];
}

/** DSCP is of IPv4 packets, TC of IPv6 packets; a packet of the other version does not fit. */
function classWords({ dscp, tc }: TrafficFilter, flow: boolean, where: string): ByFamily {
  if (dscp === undefined && tc === undefined) return { ip: [], ip6: [] };
  if (flow)
    throw unsupported(
      `${where}: ${dscp === undefined ? "tc" : "dscp"}`,
      "each packet of a flow has its own",
      "use the filter type PACKET",
    );
  const whole = (name: string, value: number, most: number) => {
    if (!Number.isInteger(value) || value < 0 || value > most)
      throw invalid(`${where}: ${name}`, value, `a whole number from 0 to ${most}`);
    return value;
  };
  return {
    ...(dscp !== undefined && { ip: [`ip dscp ${whole("dscp", dscp, 63)}`] }),
    // The 8 bits behind the version, which nftables knows as two fields.
    ...(tc !== undefined && { ip6: [`@nh,4,8 ${whole("tc", tc, 255)}`] }),
  };
}

function listOf<T>(
  texts: readonly string[] | undefined,
  where: string,
  parse: (text: string) => T | undefined,
  expected: string,
): T[] | undefined {
  if (texts === undefined || texts.length === 0) return undefined;
  if (texts.length > mostInList)
    throw invalid(`the length of ${where}`, texts.length, `at most ${mostInList}`);
  return texts.map((text) => {
    const value = typeof text === "string" ? parse(text) : undefined;
    if (value === undefined) throw invalid(where, text, expected);
    return value;
  });
}

function setOf(elements: readonly string[]): string {
  return `{ ${[...new Set(elements)].join(", ")} }`;
}
