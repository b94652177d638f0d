/** Operations on rules (ETSI GS MEC 011 V3.1.1 sections 7.2.7 to 7.2.10). */
import Type, { type TObject } from "typebox";
import { ok } from "../etsi-answers.ts";
import { etagOf } from "../http/etag.ts";
import { badRequest } from "../http/problem.ts";
import type { Route } from "../http/route.ts";
import { type Apps, ownApp } from "./apps.ts";
import { answers, okVersioned } from "./responses.ts";
import { type Rules, ruleId } from "./rules.ts";
import { type DnsRule, dnsRuleSchema, type TrafficRule, trafficRuleSchema } from "./schema/rule.ts";

const scope = "mec_app_support";

export function ruleRoutes(apps: Apps, rules: Rules): Route[] {
  const dns = { kind: "dns", word: "DNS rule", segment: "dns_rules", id: "dnsRuleId" } as const;
  const traffic = {
    kind: "traffic",
    word: "traffic rule",
    segment: "traffic_rules",
    id: "trafficRuleId",
  } as const;
  return [
    ...routesOf({ ...dns, schema: dnsRuleSchema, name: "Dnsrules", one: "Dnsruleid", list: rules.dnsOf }),
    ...routesOf({
      ...traffic,
      schema: trafficRuleSchema,
      name: "Trafficrules",
      one: "Trafficruleid",
      list: rules.trafficOf,
    }),
  ];

  function routesOf(options: {
    kind: "dns" | "traffic";
    word: string;
    segment: string;
    id: string;
    schema: TObject;
    name: string;
    one: string;
    list(app: string): (DnsRule | TrafficRule)[];
  }): Route[] {
    const { kind, word, segment, id, schema, name, one, list } = options;
    const path = `/applications/{appInstanceId}/${segment}`;
    const whole = (rule: DnsRule | TrafficRule) => ({
      status: 200,
      headers: { ETag: etagOf(rule) },
      body: rule,
    });
    return [
      {
        method: "get",
        path,
        operationId: `Applications${name}GETAppinstanceid`,
        summary: `The application's ${word}s`,
        scope,
        responses: answers(ok(Type.Array(schema))),
        handle: (request) => ({ status: 200, body: list(ownApp(request, apps)) }),
      },
      {
        method: "get",
        path: `${path}/{${id}}`,
        operationId: `Applications${name}GETAppinstanceid${one}`,
        summary: `One ${word}`,
        scope,
        responses: answers(okVersioned(schema)),
        handle: (request) => whole(rules.find(kind, ownApp(request, apps), request.params[id] ?? "")),
      },
      {
        method: "put",
        path: `${path}/{${id}}`,
        operationId: `Applications${name}PUTAppinstanceid${one}`,
        summary: `Switch a ${word} on or off; its other attributes are the package's, and stay`,
        scope,
        body: schema,
        responses: answers(okVersioned(schema), 412, 503),
        async handle(request) {
          const app = ownApp(request, apps);
          const wanted = request.params[id] ?? "";
          const body = request.body as DnsRule | TrafficRule;
          rules.find(kind, app, wanted);
          if (ruleId(body) !== wanted)
            throw badRequest(`${id} is ${ruleId(body)}, and ${wanted} in the path`);
          return whole(await rules.setState(kind, app, wanted, body.state, request));
        },
      },
    ];
  }
}
