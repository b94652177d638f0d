/**
 * DNS rules and traffic rules: the package says what they are, the application switches them on and off.
 *
 * What holds is the package's word unless the application has said otherwise, and nothing holds of an application that
 * was stopped. A rule of the package that can never hold here is inactive, and takes no other with it. Each change is made in this order: the engine takes the whole new set, then the state goes to disk, then
 * the application has its answer. An engine that refuses still has the old set, and nothing was written; when the disk
 * refuses, the engine is given the old set again. After a power cut between the two the disk's word holds: at the start
 * the engine is given what is written.
 *
 * Changes are one behind the other, so that If-Match sees what the change before has left.
 */
import { isUmecError, messageOf, type UmecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { etagOf, ifMatch } from "../http/etag.ts";
import { notFound, Problem } from "../http/problem.ts";
import type { ApiRequest } from "../http/route.ts";
import type { ActiveTrafficRule, ApiStore, AppTrafficRule, DnsRecord, RuleEngine } from "../types.ts";
import type { Apps } from "./apps.ts";
import { kinds } from "./context.ts";
import { put } from "./documents.ts";
import { createOneByOne } from "./one-by-one.ts";
import type { DnsRule, RuleState, TrafficRule } from "./schema/rule.ts";
import type { Timers } from "./timers.ts";
import { fromEtsi, toEtsi } from "./traffic-form.ts";

export interface RuleRecord {
  app: string;
  state: RuleState;
}

export interface RulesOptions {
  store: ApiStore;
  apps: Apps;
  engine: RuleEngine | undefined;
  timers: Timers;
  log: Log;
}

type Kind = "dns" | "traffic";
type Change = { kind: Kind; app: string; id: string; state: RuleState };
type TrafficForm = Omit<TrafficRule, "state">;

/** As the package or a fixture has it. */
interface Given {
  active: boolean;
  /** Why it can never hold here. */
  fault?: string | undefined;
}

const retryMs = 10_000;

export type Rules = ReturnType<typeof createRules>;

export function createRules({ store, apps, engine, timers, log }: RulesOptions) {
  const oneByOne = createOneByOne();
  /** Of a fixture, as they are written there. */
  let seeded = new Map<string, readonly TrafficRule[]>();

  function stateOf(kind: Kind, app: string, id: string, rule: Given, change?: Change): RuleState {
    const { active, fault } = rule;
    if (change?.kind === kind && change.app === app && change.id === id) return change.state;
    if (apps.record(app).off || fault !== undefined) return "INACTIVE";
    const said = store.get<RuleRecord>(kinds[kind], `${app}/${id}`)?.value.state;
    return said ?? (active ? "ACTIVE" : "INACTIVE");
  }

  function dnsOf(app: string, change?: Change): DnsRule[] {
    const rules = apps.target(app)?.dnsRules ?? [];
    return rules.map(({ dnsRuleId, domainName, ipAddressType, ipAddress, ttlS, active }) => {
      const fault = engine?.dnsFault({ name: domainName, address: ipAddress, ttlS });
      const state = stateOf("dns", app, dnsRuleId, { active, fault }, change);
      return { dnsRuleId, domainName, ipAddressType, ipAddress, ttl: ttlS, state };
    });
  }

  function formsOf(app: string): (Given & { form: TrafficForm; enforced: ActiveTrafficRule | undefined })[] {
    const given = seeded.get(app);
    if (given)
      return given.map(({ state, ...form }) => {
        const enforced = fromEtsi(form);
        const nothing = { enforced: undefined, fault: engine && String(enforced) };
        const made = typeof enforced === "string" ? nothing : enforcedOf(app, enforced);
        return { form, active: state === "ACTIVE", ...made };
      });
    const rules = apps.target(app)?.trafficRules ?? [];
    return rules.map((rule) => ({ form: toEtsi(rule), active: rule.active, ...enforcedOf(app, rule) }));
  }

  function enforcedOf(app: string, rule: Omit<AppTrafficRule, "active">) {
    const { trafficRuleId, filterType, priority, action, filters, destinations } = rule;
    const enforced = { id: `${app}/${trafficRuleId}`, filterType, priority, action, filters, destinations };
    return { enforced, fault: engine?.trafficFault(enforced) };
  }

  function trafficOf(app: string, change?: Change): TrafficRule[] {
    return formsOf(app).map(({ form, ...rule }) => {
      return { ...form, state: stateOf("traffic", app, form.trafficRuleId, rule, change) };
    });
  }

  function activeDns(change?: Change): DnsRecord[] {
    const all = apps.targets().flatMap(({ appInstanceId }) => dnsOf(appInstanceId, change));
    return all
      .filter(({ state }) => state === "ACTIVE")
      .map(({ domainName, ipAddress, ttl = 0 }) => ({ name: domainName, address: ipAddress, ttlS: ttl }));
  }

  function activeTraffic(change?: Change): ActiveTrafficRule[] {
    const active: ActiveTrafficRule[] = [];
    for (const { appInstanceId: app } of apps.targets()) {
      for (const { form, enforced, ...rule } of formsOf(app)) {
        const id = form.trafficRuleId;
        if (stateOf("traffic", app, id, rule, change) !== "ACTIVE") continue;
        // Asked for just now; else it would be inactive.
        if (rule.fault !== undefined) throw refused("RULES_UNSUPPORTED", `rule ${id}: ${rule.fault}`);
        if (enforced) active.push(enforced);
      }
    }
    return active;
  }

  async function give(kind: Kind, change?: Change): Promise<void> {
    if (!engine) return;
    if (kind === "dns") await engine.setDns(activeDns(change));
    else await engine.setTraffic(activeTraffic(change));
  }

  /** Rules that are to hold by the package, and never can. */
  function tellFaults(): void {
    for (const { appInstanceId: app, dnsRules } of apps.targets()) {
      const tell = (rule: string, fault: string | undefined) =>
        fault !== undefined && log.warn(`a rule can't hold: ${fault}`, { app, rule });
      for (const { dnsRuleId, domainName: name, ipAddress: address, ttlS } of dnsRules)
        tell(dnsRuleId, engine?.dnsFault({ name, address, ttlS }));
      for (const { form, active, fault } of formsOf(app)) if (active) tell(form.trafficRuleId, fault);
    }
  }

  async function giveAll(): Promise<void> {
    tellFaults();
    try {
      await give("dns");
      await give("traffic");
    } catch (error) {
      // What was refused for what it is would be refused again.
      const again = isRefusal(error) ? {} : { againInMs: retryMs };
      log.error("rules do not hold as they should", { error: messageOf(error), ...again });
      if (!isRefusal(error)) timers.set("rules", retryMs, () => void apply());
    }
  }

  /** What holds is told to the engine anew: at the start, and when applications have come, gone or stopped. */
  function apply(): Promise<void> {
    return oneByOne(giveAll);
  }

  async function change(next: Change): Promise<void> {
    const { kind, app, id, state } = next;
    await give(kind, next).catch((error: unknown) => {
      if (isRefusal(error)) throw refused(error.code, error.message, error.hint);
      throw new Problem(503, "API_RULES_DOWN", `the rule can't be made to hold now: ${messageOf(error)}`, {
        hint: "ask again in a while",
        cause: error,
      });
    });
    try {
      await put(store, kinds[kind], `${app}/${id}`, { app, state } satisfies RuleRecord);
    } catch (error) {
      await giveAll();
      throw error;
    }
  }

  function find<T extends DnsRule | TrafficRule>(rules: readonly T[], id: string): T {
    const found = rules.find((rule) => ruleId(rule) === id);
    if (!found) throw notFound(`rule ${id}`);
    return found;
  }

  const of = { dns: dnsOf, traffic: trafficOf };

  return {
    dnsOf: (app: string) => dnsOf(app),
    trafficOf: (app: string) => trafficOf(app),
    /** @throws Problem 404 */
    find: (kind: Kind, app: string, id: string) => find<DnsRule | TrafficRule>(of[kind](app), id),
    /** @throws Problem 404, 412, 403 when it can't be made to hold, 503 when it can't now */
    setState(kind: Kind, app: string, id: string, state: RuleState, request: ApiRequest) {
      return oneByOne(async () => {
        const before = find<DnsRule | TrafficRule>(of[kind](app), id);
        ifMatch(request, etagOf(before), `rule ${id}`);
        if (apps.record(app).off && state === "ACTIVE")
          throw refused(
            "API_APP_OFF",
            `rule ${id}: the application is stopped; it must confirm first that it is ready`,
          );
        if (before.state !== state) await change({ kind, app, id, state });
        return find<DnsRule | TrafficRule>(of[kind](app), id);
      });
    },
    apply,
    async forget(app: string): Promise<void> {
      for (const kind of [kinds.dns, kinds.traffic])
        for (const { id, value } of store.list<RuleRecord>(kind))
          if (value.app === app) await store.delete(kind, id);
    },
    seed(rules: ReadonlyMap<string, readonly TrafficRule[]>): void {
      seeded = new Map(rules);
    },
  };
}

export function ruleId(rule: DnsRule | TrafficRule): string {
  return "dnsRuleId" in rule ? rule.dnsRuleId : rule.trafficRuleId;
}

/** For what it is, and not because nobody was there to take it. */
const refusals = new Set(["RULES_INVALID", "RULES_UNSUPPORTED", "RULES_REFUSED"]);

function isRefusal(error: unknown): error is UmecError {
  return isUmecError(error) && refusals.has(error.code);
}

function refused(code: string, detail: string, hint?: string): Problem {
  return new Problem(403, code, detail, hint === undefined ? {} : { hint });
}
