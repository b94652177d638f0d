import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { bits, der, integer, octets, oid, sequence, set, time, utf8, yes } from "./der.ts";

export interface CertificateSubject {
  /** Its common name, for people. */
  name: string;
  /** Host names and IP addresses that clients dial. */
  hosts: readonly string[];
  /** Unix time; it begins with the start of 1970. */
  notAfterMs: number;
  /** EC P-256. */
  key: KeyObject;
}

/** A certificate of a TLS server that signs itself, in PEM (RFC 5280). */
export function makeCertificate({ name, hosts, notAfterMs, key }: CertificateSubject): string {
  const algorithm = sequence(oid("1.2.840.10045.4.3.2"));
  const names = sequence(set(sequence(oid("2.5.4.3"), utf8(name))));
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const serial = randomBytes(16);
  // Neither negative nor with a zero in front.
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const content = sequence(
    der(0xa0, integer(Uint8Array.of(2))),
    integer(serial),
    algorithm,
    names,
    sequence(time(0), time(notAfterMs)),
    names,
    spki,
    der(0xa3, sequence(...extensions(hosts, spki))),
  );
  const certificate = sequence(content, algorithm, bits(sign("sha256", content, key)));
  const lines = certificate.toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function extensions(hosts: readonly string[], spki: Buffer): Buffer[] {
  const keyId = createHash("sha256").update(spki).digest().subarray(0, 20);
  const critical = (id: string, value: Buffer) => sequence(oid(id), yes, octets(value));
  const plain = (id: string, value: Buffer) => sequence(oid(id), octets(value));
  return [
    // No authority,
    critical("2.5.29.19", sequence()),
    // which signs handshakes
    critical("2.5.29.15", bits(Uint8Array.of(0x80), 7)),
    // as a server.
    plain("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.1"))),
    plain("2.5.29.17", sequence(...hosts.map(generalName))),
    plain("2.5.29.14", octets(keyId)),
    plain("2.5.29.35", sequence(der(0x80, keyId))),
  ];
}

function generalName(host: string): Buffer {
  const family = isIP(host);
  if (family === 0) return der(0x82, Buffer.from(host, "ascii"));
  return der(0x87, family === 4 ? Uint8Array.from(host.split("."), Number) : ipv6Bytes(host));
}

function ipv6Bytes(address: string): Uint8Array {
  // Made regular by the URL parser: small letters, no IPv4 part.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groupsOf = (text: string) => (text === "" ? [] : text.split(":"));
  const front = groupsOf(head);
  const back = groupsOf(tail ?? "");
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => "0");
  const groups = [...front, ...zeros, ...back].map((group) => Number.parseInt(group, 16));
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}
