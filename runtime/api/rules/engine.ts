/**
 * Makes rules hold: DNS rules by dnsmasq, traffic rules by nftables, both run by root's units, which this asks.
 *
 * Calls of one kind are done one after another; of those that wait only the last counts, and the others are done when it
 * is. What this process leaves behind goes on holding when it ends: a node that restarts its runtime drops no packet and
 * no query for it. `off` ends it.
 */
import { isUmecError, messageOf, UmecError } from "../../errors.ts";
import type { ActiveTrafficRule, DnsRecord, RuleEngine } from "../types.ts";
import { dnsConfig } from "./dns-config.ts";
import { type NftLine, nftScript } from "./nft-script.ts";
import { request } from "./request.ts";

export interface RuleEngineOptions {
  /** Where root is asked. @default "/run/umec-rules" */
  dir?: string;
  /** Addresses that the resolver answers on, at port 53. @default ["127.0.0.1", "::1"] */
  listen?: readonly string[];
  /** How long root may take for one request. @default 30 s */
  timeoutMs?: number;
  /** Ends waiting; rules stay. */
  signal?: AbortSignal;
}

export interface EndableRuleEngine extends RuleEngine {
  /** Ends all rules and stops the resolver. Does nothing where nothing can be applied. Rejects with `RULES_…`. */
  off(): Promise<void>;
}

export function createRuleEngine(options: RuleEngineOptions = {}): EndableRuleEngine {
  const { dir = "/run/umec-rules", listen = ["127.0.0.1", "::1"], timeoutMs = 30_000, signal } = options;
  const apply = (what: "names" | "traffic") =>
    latest((lines: readonly string[]) => request({ dir, what, lines, timeoutMs, signal }));
  const names = apply("names");
  const traffic = apply("traffic");
  return {
    setDns: async (records: readonly DnsRecord[]) => {
      const { conf, hosts, servers } = dnsConfig(records, listen);
      const lines = [
        ...conf.map((line) => `conf ${line}`),
        ...hosts.map((line) => `hosts ${line}`),
        ...servers.map((line) => `servers ${line}`),
      ];
      await names(lines).catch((error: unknown) => {
        if (records.length > 0 || !isUnavailable(error)) throw error;
      });
    },
    setTraffic: async (rules: readonly ActiveTrafficRule[]) => {
      const lines = nftScript(rules);
      await traffic(lines.map(({ text }) => text)).catch((error: unknown) => {
        if (lines.length > 0 || !isUnavailable(error)) throw ofRule(error, lines);
      });
    },
    dnsFault: (record) => faultOf(() => dnsConfig([record], listen)),
    trafficFault: (rule) => faultOf(() => nftScript([rule])),
    off: async () => {
      const ends = await Promise.allSettled([names(["off"]), traffic([])]);
      for (const end of ends) {
        if (end.status === "rejected" && !isUnavailable(end.reason)) throw end.reason;
      }
    },
  };
}

/** One at a time; who comes while another waits takes its place, and both have the same end. */
function latest<T>(work: (value: T) => Promise<void>): (value: T) => Promise<void> {
  let next: { value: T; done: PromiseWithResolvers<void> } | undefined;
  let working = false;
  const workOff = async () => {
    working = true;
    while (next) {
      const { value, done } = next;
      next = undefined;
      await work(value).then(done.resolve, done.reject);
    }
    working = false;
  };
  return (value) => {
    if (next) next.value = value;
    else next = { value, done: Promise.withResolvers() };
    const { promise } = next.done;
    if (!working) void workOff();
    return promise;
  };
}

function faultOf(make: () => unknown): string | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** No rules hold everywhere. */
function isUnavailable(error: unknown): boolean {
  return isUmecError(error, "RULES_UNAVAILABLE");
}

/** nft names the line, root hands it on as `line 3: …`, and the reader wants the rule. */
function ofRule(error: unknown, lines: readonly NftLine[]): unknown {
  if (!isUmecError(error, "RULES_REFUSED")) return error;
  const [, number, reason] = /line (\d+): (.*)$/s.exec(error.message) ?? [];
  const line = lines[Number(number) - 1];
  if (!line) return error;
  return new UmecError(error.code, `traffic rule ${line.rule} is not taken: ${reason}`, {
    cause: error,
    ...(error.hint !== undefined && { hint: error.hint }),
  });
}
