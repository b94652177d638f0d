import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ActiveTrafficRule, TrafficFilter } from "../types.ts";
import { nftScript } from "./nft-script.ts";

function rule(rest: Partial<ActiveTrafficRule> = {}): ActiveTrafficRule {
  return {
    id: "app/1",
    priority: 10,
    filterType: "PACKET",
    filters: [{}],
    action: "DROP",
    destinations: [],
    ...rest,
  };
}

const texts = (...rules: ActiveTrafficRule[]) => nftScript(rules).map(({ text }) => text);
const filtered = (filter: TrafficFilter, filterType: ActiveTrafficRule["filterType"] = "PACKET") =>
  texts(rule({ filters: [filter], filterType }));
const sent = (...destinations: ActiveTrafficRule["destinations"]) =>
  rule({ action: "FORWARD_DECAPSULATED", destinations });

describe("nftScript", () => {
  it("has no line for no rule", () => {
    assert.deepEqual(nftScript([]), []);
  });

  it("writes a line for each filter and each version of IP that it can fit", () => {
    assert.deepEqual(texts(rule({ filters: [{ srcAddress: ["10.0.0.1"] }, { protocol: ["icmp"] }] })), [
      'add rule ip umec apps ip saddr { 10.0.0.1 } counter drop comment "app/1"',
      'add rule ip umec apps meta l4proto { 1 } counter drop comment "app/1"',
      'add rule ip6 umec apps meta l4proto { 1 } counter drop comment "app/1"',
    ]);
  });

  it("looks at the packet, or at the two ends of its flow", () => {
    const filter = {
      srcAddress: ["10.1.0.0/16"],
      dstAddress: ["10.2.0.2", "fd00::2"],
      srcPort: ["1000-2000"],
      dstPort: ["80"],
      protocol: ["TCP"],
    };
    assert.deepEqual(filtered(filter), [
      "add rule ip umec apps ip saddr { 10.1.0.0/16 } ip daddr { 10.2.0.2 } meta l4proto { 6 } " +
        'th sport { 1000-2000 } th dport { 80 } counter drop comment "app/1"',
    ]);
    assert.deepEqual(filtered(filter, "FLOW"), [
      "add rule ip umec apps ct original ip saddr { 10.1.0.0/16 } ct reply ip saddr { 10.2.0.2 } meta l4proto { 6 } " +
        'ct original proto-src { 1000-2000 } ct reply proto-src { 80 } counter drop comment "app/1"',
    ]);
  });

  it("looks for ports only where protocols have them", () => {
    assert.deepEqual(filtered({ dstAddress: ["10.0.0.1"], dstPort: ["53"] }), [
      "add rule ip umec apps ip daddr { 10.0.0.1 } meta l4proto { 6, 17, 33, 132, 136 } th dport { 53 } " +
        'counter drop comment "app/1"',
    ]);
  });

  it("takes DSCP for IPv4 and TC for IPv6", () => {
    assert.deepEqual(filtered({ dscp: 46, tc: 184 }), [
      'add rule ip umec apps ip dscp 46 counter drop comment "app/1"',
      'add rule ip6 umec apps @nh,4,8 184 counter drop comment "app/1"',
    ]);
    assert.equal(filtered({ dscp: 0 }).length, 1);
  });

  it("orders by priority, then by name", () => {
    const lines = nftScript([
      rule({ id: "b/2", priority: 5, filters: [{ dscp: 1 }] }),
      rule({ id: "c/3", priority: 0, filters: [{ dscp: 1 }] }),
      rule({ id: "a/1", priority: 5, filters: [{ dscp: 1 }] }),
    ]);
    assert.deepEqual(
      lines.map(({ rule }) => rule),
      ["c/3", "a/1", "b/2"],
    );
  });

  it("sends to one next hop, or copies to several", () => {
    const [tap, other] = [{ interfaceName: "app1", dstIpAddress: "10.3.0.2" }, { dstIpAddress: "10.4.0.2" }];
    assert.deepEqual(texts(sent(tap)), [
      'add rule ip umec apps iifname != "app1" counter dup to 10.3.0.2 device "app1" drop comment "app/1"',
    ]);
    assert.deepEqual(texts(rule({ action: "DUPLICATE_DECAPSULATED", destinations: [tap, other] })), [
      'add rule ip umec apps iifname != "app1" counter dup to 10.3.0.2 device "app1" dup to 10.4.0.2 accept comment "app/1"',
    ]);
  });

  for (const [what, given, code, message] of [
    ["a tunnel", rule({ action: "FORWARD_ENCAPSULATED" }), "RULES_UNSUPPORTED", /app\/1: action FORWARD_ENC/],
    [
      "an address of hardware",
      sent({ dstMacAddress: "02:00:00:00:00:01" }),
      "RULES_UNSUPPORTED",
      /dstMacAddress/,
    ],
    ["an interface alone", sent({ interfaceName: "app0" }), "RULES_UNSUPPORTED", /dstInterface 0/],
    [
      "two next hops",
      sent({ dstIpAddress: "10.0.0.1" }, { dstIpAddress: "10.0.0.2" }),
      "RULES_UNSUPPORTED",
      /dstInterface: a packet is forwarded to one/,
    ],
    ["no next hop", sent(), "RULES_INVALID", /the number of dstInterface is 0/],
    ["no filter", rule({ filters: [] }), "RULES_INVALID", /trafficFilter is \[\]/],
    ["a priority", rule({ priority: 256 }), "RULES_INVALID", /priority is 256/],
    [
      "a class in a flow",
      rule({ filterType: "FLOW", filters: [{ dscp: 1 }] }),
      "RULES_UNSUPPORTED",
      /0: dscp/,
    ],
    ["a class", rule({ filters: [{ tc: 256 }] }), "RULES_INVALID", /tc is 256/],
    [
      "two versions of IP",
      rule({ filters: [{ srcAddress: ["10.0.0.1"], dstAddress: ["fd00::1"] }] }),
      "RULES_INVALID",
      /one version of IP/,
    ],
    [
      "a destination of another version",
      { ...sent({ dstIpAddress: "fd00::1" }), filters: [{ srcAddress: ["10.0.0.1"] }] },
      "RULES_INVALID",
      /two versions of IP/,
    ],
    [
      "ports of ICMP",
      rule({ filters: [{ protocol: ["icmp"], dstPort: ["1"] }] }),
      "RULES_INVALID",
      /has ports/,
    ],
    [
      "too many lines",
      rule({ filters: Array.from({ length: 501 }, () => ({})) }),
      "RULES_INVALID",
      /all traffic rules is 1002/,
    ],
    [
      "a long list",
      rule({ filters: [{ dstPort: Array(65).fill("1") }] }),
      "RULES_INVALID",
      /length of .* is 65/,
    ],
  ] as const) {
    it(`refuses ${what}, by the name of rule and field`, () => {
      assert.throws(() => nftScript([given]), { code, message });
    });
  }

  it("lets nothing through that is more than a value", () => {
    const line =
      /^add rule ip6? umec apps( (ct original |ct reply )?(ip6? [sd]addr|proto-src|meta l4proto|th [sd]port|@nh,4,8|ip dscp) (\{ [0-9a-f.:/-]+(, [0-9a-f.:/-]+)* \}|\d+))*( iifname != "[\w.-]{1,15}")* counter( dup to [0-9a-f.:]+( device "[\w.-]{1,15}")?)* (accept|drop) comment "[\w/.-]{0,120}"$/;
    const texts = [
      "10.0.0.1 } drop; flush ruleset; {",
      "10.0.0.1\nflush ruleset",
      "10.0.0.0/33",
      "10.0.0.0/8/8",
      "10.0.0.1-10.0.0.9",
      "fe80::1%eth0",
      "$x",
      "@set",
      "*",
      "",
      " 1",
      "1 ",
      "0x10",
      "1-0",
      "65536",
      "99999999",
      "-1",
      '"',
      "a\u0000b",
      "__proto__",
      "constructor",
      'app0" accept #',
      "app*",
      "é",
    ];
    let refused = 0;
    const fits = (given: ActiveTrafficRule) => {
      try {
        for (const { text } of nftScript([given])) assert.match(text, line);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && /^RULES_/.test(String(error.code)))) throw error;
        refused++;
      }
    };
    for (const text of texts) {
      for (const field of ["srcAddress", "dstAddress", "srcPort", "dstPort", "protocol"] as const) {
        for (const filterType of ["FLOW", "PACKET"] as const)
          fits(rule({ filterType, filters: [{ [field]: [text] }] }));
      }
      fits(sent({ dstIpAddress: text }));
      fits(sent({ dstIpAddress: "10.0.0.1", interfaceName: text }));
      // A name is for people to read and is never refused.
      const before = refused;
      fits(rule({ id: text }));
      assert.equal(refused, before);
    }
    // Five of them are names that an interface can have.
    assert.equal(refused, texts.length * 12 - 5);
  });
});
