/**
 * DNS rules as dnsmasq takes them.
 *
 * dnsmasq reads hosts and servers again when it is told to, and answers meanwhile; its settings it reads only when it
 * starts, which leaves some 30 ms without an answer. Hosts have one TTL for all, and it is a setting. So the TTL that most
 * records have becomes that one, and only records with another TTL stand in the settings, each with its own.
 *
 * A name with a rule is answered from rules alone: what it has of other types is empty, and never asked elsewhere, or an
 * application would get the IPv6 address of a name whose IPv4 address was replaced. Names below it are asked elsewhere as
 * before, unless they have rules.
 */
import type { DnsRecord } from "../types.ts";
import { addressOf, domainOf, invalid } from "./values.ts";

/** Three texts' lines. */
export interface DnsConfig {
  /** Settings; another text needs a new start. */
  conf: readonly string[];
  /** In the form of hosts(5). */
  hosts: readonly string[];
  /** Who is asked for what. */
  servers: readonly string[];
}

/** More than any node's applications need, and what dnsmasq reads in a moment on a small board. */
export const mostRecords = 1000;

/** RFC 2181 section 8. */
const longestTtlS = 2 ** 31 - 1;

/** Where nothing says otherwise. */
const usualTtlS = 60;

interface Line {
  name: string;
  address: string;
  ttlS: number;
}

/**
 * @param listen addresses that queries are answered on
 * @throws UmecError `RULES_INVALID`
 */
export function dnsConfig(records: readonly DnsRecord[], listen: readonly string[]): DnsConfig {
  if (records.length > mostRecords)
    throw invalid("the number of DNS rules", records.length, `at most ${mostRecords}`);
  const lines = linesOf(records);
  const commonTtlS = mostCommon(lines.map(({ ttlS }) => ttlS));
  const [common, special] = [
    lines.filter(({ ttlS }) => ttlS === commonTtlS),
    lines.filter(({ ttlS }) => ttlS !== commonTtlS),
  ];
  return {
    conf: [
      ...listen.map((address) => `listen-address=${listenAddress(address)}`),
      `local-ttl=${commonTtlS}`,
      ...special.map(({ name, address, ttlS }) => `host-record=${name},${address},${ttlS}`),
    ],
    hosts: common.map(({ name, address }) => `${address} ${name}`),
    servers: [...new Set(lines.map(({ name }) => name))]
      .sort()
      .flatMap((name) => [`server=/${name}/`, `server=/*.${name}/#`]),
  };
}

/** Sorted, none twice; all records of a name and type have the least of their TTLs (RFC 2181 section 5.2). */
function linesOf(records: readonly DnsRecord[]): Line[] {
  const sets = new Map<string, { ttlS: number; name: string; addresses: Set<string> }>();
  for (const [index, record] of records.entries()) {
    const where = `DNS rule ${index}`;
    const name = domainOf(record.name);
    if (name === undefined)
      throw invalid(`${where}: the name`, record.name, "a domain name without wildcards");
    const address = addressOf(record.address);
    if (!address) throw invalid(`${where} (${name}): the address`, record.address, "an IPv4 or IPv6 address");
    const { ttlS } = record;
    if (!Number.isInteger(ttlS) || ttlS < 0 || ttlS > longestTtlS)
      throw invalid(
        `${where} (${name}): the TTL`,
        ttlS,
        `a whole number of seconds from 0 to ${longestTtlS}`,
      );
    const key = `${name} ${address.family}`;
    const set = sets.get(key) ?? { ttlS, name, addresses: new Set<string>() };
    sets.set(key, set);
    set.ttlS = Math.min(set.ttlS, ttlS);
    set.addresses.add(address.text);
  }
  return [...sets]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, { ttlS, name, addresses }]) =>
      [...addresses].sort().map((address) => ({ name, address, ttlS })),
    );
}

/** Of values that are equally frequent the least. */
function mostCommon(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [first] = [...counts].sort(([a, countA], [b, countB]) => countB - countA || a - b);
  return first?.[0] ?? usualTtlS;
}

function listenAddress(text: string): string {
  const address = addressOf(text);
  if (!address) throw invalid("an address of the resolver", text, "an IPv4 or IPv6 address");
  return address.text;
}
