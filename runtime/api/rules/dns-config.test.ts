import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dnsConfig } from "./dns-config.ts";

const loopback = ["127.0.0.1"];
const record = (name: string, address: string, ttlS = 60) => ({ name, address, ttlS });

describe("dnsConfig", () => {
  it("has settings alone for no rule", () => {
    assert.deepEqual(dnsConfig([], ["127.0.0.1", "::1"]), {
      conf: ["listen-address=127.0.0.1", "listen-address=::1", "local-ttl=60"],
      hosts: [],
      servers: [],
    });
  });

  it("makes the most frequent TTL the common one", () => {
    const records = [
      record("a.example", "10.0.0.1", 30),
      record("b.example", "10.0.0.2", 30),
      record("c.example", "fd00::3", 5),
    ];
    assert.deepEqual(dnsConfig(records, loopback), {
      conf: ["listen-address=127.0.0.1", "local-ttl=30", "host-record=c.example,fd00::3,5"],
      hosts: ["10.0.0.1 a.example", "10.0.0.2 b.example"],
      servers: ["a", "b", "c"].flatMap((x) => [`server=/${x}.example/`, `server=/*.${x}.example/#`]),
    });
  });

  it("gives the same text in whatever order, and once what is said twice", () => {
    const records = [
      record("a.example", "10.0.0.2"),
      record("A.Example", "10.0.0.1"),
      record("b.example", "FD00::1", 7),
    ];
    const once = dnsConfig(records, loopback);
    assert.deepEqual(dnsConfig([...records.toReversed(), ...records], loopback), once);
    assert.deepEqual(once.hosts, ["10.0.0.1 a.example", "10.0.0.2 a.example"]);
  });

  it("gives all addresses of a name and type the least of their TTLs", () => {
    const records = [record("a.example", "10.0.0.1", 9), record("a.example", "10.0.0.2", 3)];
    assert.deepEqual(dnsConfig(records, loopback).conf, ["listen-address=127.0.0.1", "local-ttl=3"]);
  });

  it("takes any TTL that there is", () => {
    assert.ok(dnsConfig([record("a.example", "10.0.0.1", 0)], loopback).conf.includes("local-ttl=0"));
    assert.ok(dnsConfig([record("a.example", "10.0.0.1", 2 ** 31 - 1)], loopback));
  });

  for (const [what, given] of [
    ["no name", record("", "10.0.0.1")],
    ["a dot at the end", record("a.example.", "10.0.0.1")],
    ["an empty label", record("a..example", "10.0.0.1")],
    ["a wildcard", record("*.example", "10.0.0.1")],
    ["an address as a name", record("10.0.0.1", "10.0.0.1")],
    ["a long label", record(`${"a".repeat(64)}.example`, "10.0.0.1")],
    ["a long name", record(`${"a.".repeat(126)}ab`, "10.0.0.1")],
    ["a second line", record("a.example\nconf dhcp-script=x", "10.0.0.1")],
    ["a second field", record("a.example,10.0.0.9", "10.0.0.1")],
    ["a slash", record("a/10.0.0.9", "10.0.0.1")],
    ["no address", record("a.example", "")],
    ["a name as an address", record("a.example", "localhost")],
    ["a network", record("a.example", "10.0.0.0/8")],
    ["a zone", record("a.example", "fe80::1%eth0")],
    ["words behind an address", record("a.example", "10.0.0.1 b.example")],
    ["a negative TTL", record("a.example", "10.0.0.1", -1)],
    ["half a second", record("a.example", "10.0.0.1", 0.5)],
    ["no TTL", record("a.example", "10.0.0.1", Number.NaN)],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => dnsConfig([given], loopback), { code: "RULES_INVALID", message: /^DNS rule 0/ });
    });
  }

  it("refuses more than a node's applications need, and an address that nothing can listen on", () => {
    const many = Array.from({ length: 1001 }, (_, index) => record(`a${index}.example`, "10.0.0.1"));
    assert.throws(() => dnsConfig(many, loopback), { code: "RULES_INVALID", message: /is 1001/ });
    assert.throws(() => dnsConfig([], ["eth0"]), {
      code: "RULES_INVALID",
      message: /address of the resolver/,
    });
  });
});
