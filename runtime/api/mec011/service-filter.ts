/** What GET …/services selects by (ETSI GS MEC 011 V3.1.1 table 8.2.3.3.1-1), and subscriptions (section 8.1.3.2). */
import { badRequest } from "../http/problem.ts";
import type { ServiceInfo, ServiceQuery } from "./schema/service.ts";
import type { FilteringCriteria } from "./schema/subscription.ts";

/** @throws Problem 400 when more than one is there */
function checkAlternatives(given: object, names: readonly string[]): void {
  const present = names.filter((name) => Object.hasOwn(given, name));
  if (present.length <= 1) return;
  throw badRequest(`${present.join(" and ")} are given together`, `give one of ${names.join(", ")}, or none`);
}

export function checkServiceQuery(query: ServiceQuery): void {
  checkAlternatives(query, ["ser_instance_id", "ser_name", "ser_category_id"]);
}

export function checkCriteria(criteria: FilteringCriteria): void {
  checkAlternatives(criteria, ["serInstanceIds", "serNames", "serCategories"]);
}

export function fitsQuery(service: ServiceInfo, query: ServiceQuery): boolean {
  const { ser_instance_id: ids, ser_name: names, ser_category_id: categories } = query;
  if (ids && !ids.includes(service.serInstanceId)) return false;
  if (names && !names.includes(service.serName)) return false;
  if (categories && !categories.includes(service.serCategory?.id ?? "")) return false;
  if ((query.scope_of_locality ?? service.scopeOfLocality) !== service.scopeOfLocality) return false;
  if ((query.consumed_local_only ?? service.consumedLocalOnly) !== service.consumedLocalOnly) return false;
  return (query.is_local ?? service.isLocal) === service.isLocal;
}

export function fitsCriteria(service: ServiceInfo, criteria: FilteringCriteria = {}): boolean {
  const { serInstanceIds: ids, serNames: names, serCategories: categories, states, isLocal } = criteria;
  if (ids && !ids.includes(service.serInstanceId)) return false;
  if (names && !names.includes(service.serName)) return false;
  if (categories && !categories.some(({ id }) => id === service.serCategory?.id)) return false;
  if (states && !states.includes(service.state)) return false;
  return isLocal === undefined || isLocal === service.isLocal;
}
