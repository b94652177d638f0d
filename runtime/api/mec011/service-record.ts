/** A service as it is kept, and as it is shown. */
import { livenessHref, publicServiceHref, serviceHref } from "./links.ts";
import type { ServiceInfo, ServiceRequest } from "./schema/service.ts";
import type { TransportInfo } from "./schema/words.ts";
import type { Transports } from "./transports.ts";

export interface ServiceRecord {
  /** appInstanceId of its producer. */
  app: string;
  /** As requested, with the interval that the platform chose; one of `transportId`, `transportInfo` is there. */
  service: ServiceRequest;
}

export function transportOf({ service }: ServiceRecord, transports: Transports): TransportInfo {
  const { transportId, transportInfo, serName } = service;
  return transportId === undefined ? transportInfo! : transports.chosen(transportId, serName);
}

/** `base`: origin and root of the service API. `to`: whether its producer sees it among its own. */
export function showService(
  id: string,
  record: ServiceRecord,
  transports: Transports,
  base: string,
  to: "producer" | "all",
): ServiceInfo {
  const { transportId: _chosen, ...service } = record.service;
  const self = to === "all" ? publicServiceHref(base, id) : serviceHref(base, record.app, id);
  const isWatched = service.livenessInterval !== undefined;
  return {
    serInstanceId: id,
    scopeOfLocality: "MEC_HOST",
    consumedLocalOnly: true,
    ...service,
    transportInfo: transportOf(record, transports),
    // There is one host, and who can ask is on it, or reaches it.
    isLocal: true,
    _links: {
      self: { href: self },
      ...(isWatched ? { liveness: { href: livenessHref(base, id) } } : {}),
    },
  };
}
