/** Tells subscribers of changes of services (ETSI GS MEC 011 V3.1.1 section 8.1.4.2). */
import { serviceRoot } from "./context.ts";
import { publicServiceHref } from "./links.ts";
import type { ChangeType, FilteringCriteria } from "./schema/subscription.ts";
import { fitsCriteria } from "./service-filter.ts";
import { type ServiceRecord, showService } from "./service-record.ts";
import type { SubscriptionBody, Subscriptions } from "./subscriptions.ts";
import type { Transports } from "./transports.ts";

export interface AvailabilityBody extends SubscriptionBody {
  filteringCriteria?: FilteringCriteria;
}

export function createServiceNotices(options: {
  subscriptions: Subscriptions<AvailabilityBody>;
  transports: Transports;
  url(): string;
}) {
  const { subscriptions, transports, url } = options;
  return function tell(id: string, record: ServiceRecord, changeType: ChangeType): void {
    const base = url() + serviceRoot;
    const service = showService(id, record, transports, base, "all");
    const { serName, state } = service;
    const link = changeType === "REMOVED" ? {} : { link: { href: publicServiceHref(base, id) } };
    const reference = { ...link, serName, serInstanceId: id, state, changeType };
    for (const item of subscriptions.list()) {
      if (!fitsCriteria(service, item.value.subscription.filteringCriteria)) continue;
      subscriptions.notify(item, {
        notificationType: "SerAvailabilityNotification",
        serviceReferences: [reference],
      });
    }
  };
}
