/** A traffic rule as ETSI writes it, and as it is enforced. */
import type { AppTrafficRule, TrafficDestination, TrafficFilter } from "../types.ts";
import type { EtsiDestination, EtsiTrafficFilter, TrafficRule } from "./schema/rule.ts";

type Form = Omit<TrafficRule, "state">;

export function toEtsi(rule: AppTrafficRule): Form {
  const { trafficRuleId, filterType, priority, action, filters, destinations } = rule;
  const [first, ...more] = destinations.map(toEtsiDestination);
  return {
    ...{ trafficRuleId, filterType, priority, action },
    trafficFilter: filters.map(toEtsiFilter),
    ...(first === undefined ? {} : { dstInterface: more.length === 0 ? first : [first, ...more] }),
  };
}

/** What is enforced for a rule that is written so; a text says why nothing can be. */
export function fromEtsi(rule: Form): Omit<AppTrafficRule, "active"> | string {
  const { trafficRuleId, filterType, priority, action, trafficFilter, dstInterface = [] } = rule;
  const destinations: TrafficDestination[] = [];
  for (const destination of [dstInterface].flat()) {
    const { interfaceType, dstIpAddress, dstMacAddress, srcMacAddress } = destination;
    if (interfaceType === "TUNNEL") return "tunnels are not known here";
    if (srcMacAddress !== undefined) return "an interface can't be chosen by srcMacAddress";
    destinations.push({
      ...(dstIpAddress === undefined ? {} : { dstIpAddress }),
      ...(dstMacAddress === undefined ? {} : { dstMacAddress }),
    });
  }
  const filters: TrafficFilter[] = [];
  for (const filter of trafficFilter) {
    const unknown = onlyEtsi.find((name) => filter[name] !== undefined);
    if (unknown !== undefined) return `packets can't be told by ${unknown} here`;
    const { srcAddress, dstAddress, srcPort, dstPort, protocol, dSCP: dscp, tC: tc } = filter;
    filters.push(withoutUndefined({ srcAddress, dstAddress, srcPort, dstPort, protocol, dscp, tc }));
  }
  return { trafficRuleId, filterType, priority, action, filters, destinations };
}

const onlyEtsi = [
  "tag",
  "token",
  "srcTunnelAddress",
  "tgtTunnelAddress",
  "srcTunnelPort",
  "dstTunnelPort",
  "qCI",
] as const;

function toEtsiFilter({ srcAddress, dstAddress, srcPort, dstPort, protocol, dscp, tc }: TrafficFilter) {
  const texts = { srcAddress, dstAddress, srcPort, dstPort, protocol };
  const lists = Object.entries(texts).map(([name, list]) => [name, list && [...list]]);
  return withoutUndefined({ ...Object.fromEntries(lists), dSCP: dscp, tC: tc }) as EtsiTrafficFilter;
}

/** The standard has no word for an interface's name: `interfaceName` is ours. */
function toEtsiDestination(destination: TrafficDestination): EtsiDestination & { interfaceName?: string } {
  return { interfaceType: destination.dstMacAddress === undefined ? "IP" : "MAC", ...destination };
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never;
}
