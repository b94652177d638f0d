/**
 * Values of rules, checked and brought into one form before they become part of a text that root reads. What is returned
 * consists of `[0-9a-z.:/-]` alone, or of `[0-9A-Za-z_.-]` for an interface.
 */
import { isIPv4, isIPv6 } from "node:net";
import { UmecError } from "../../errors.ts";

export type Family = "ip" | "ip6";

/** A rule's field holds something that it can't. */
export function invalid(where: string, value: unknown, expected: string): UmecError {
  return new UmecError("RULES_INVALID", `${where} is ${shown(value)}: it must be ${expected}`);
}

/** A rule's field asks for something that this node can't do. */
export function unsupported(where: string, reason: string, hint?: string): UmecError {
  return new UmecError("RULES_UNSUPPORTED", `${where}: ${reason}`, hint === undefined ? {} : { hint });
}

/** One address. `undefined`: it is none; an IPv6 address with a zone is none either, as a zone is a name. */
export function addressOf(text: string): { family: Family; text: string } | undefined {
  if (isIPv4(text)) return { family: "ip", text };
  if (isIPv6(text) && !text.includes("%")) return { family: "ip6", text: text.toLowerCase() };
  return undefined;
}

/** An address or a network in CIDR notation. */
export function networkOf(text: string): { family: Family; text: string } | undefined {
  const [, base = "", length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = addressOf(base);
  if (!address || length === undefined) return address;
  return Number(length) > (address.family === "ip" ? 32 : 128)
    ? undefined
    : { family: address.family, text: `${address.text}/${Number(length)}` };
}

/** A port, or `from-to`. */
export function portsOf(text: string): string | undefined {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [low, high] = [Number(from), Number(to)];
  if (!(low >= 0 && low <= high && high <= 65_535)) return undefined;
  return low === high ? `${low}` : `${low}-${high}`;
}

/** IANA's names of the protocols that an application is likely to name. */
const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  "ipv6-icmp": 58,
  icmpv6: 58,
  ospfigp: 89,
  pim: 103,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
};

/** Those with ports at the places where TCP has them. */
export const protocolsWithPorts: readonly number[] = [6, 17, 33, 132, 136];

/** The number of a protocol, by its name or number. */
export function protocolOf(text: string): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= 255 ? Number(text) : undefined;
  const name = text.toLowerCase();
  return Object.hasOwn(protocolNumbers, name) ? protocolNumbers[name] : undefined;
}

/** A name that Linux gives an interface, and no pattern. */
export const interfaceSyntax = /^[0-9A-Za-z][0-9A-Za-z_.-]{0,14}$/;

const labelSyntax = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A name of the domain name system in small letters. `undefined`: it is none, or one that could be taken for an address. */
export function domainOf(text: string): string | undefined {
  const name = text.toLowerCase();
  const labels = name.split(".");
  const isName =
    name.length <= 253 &&
    labels.every((label) => labelSyntax.test(label)) &&
    /[a-z]/.test(labels.at(-1) ?? "");
  return isName ? name : undefined;
}

/** For a message: short, on one line. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
