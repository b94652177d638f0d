/**
 * The services that applications produce.
 *
 * A service is a document in the store, so it is there again after a restart, with the state it had. What others hear
 * of it goes out after it is on disk, in the order of the changes.
 */
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { ifMatch } from "../http/etag.ts";
import { badRequest, forbidden, notFound } from "../http/problem.ts";
import type { ApiRequest } from "../http/route.ts";
import type { ApiStore, Stored } from "../types.ts";
import type { Apps } from "./apps.ts";
import { kinds, type Mec011Limits } from "./context.ts";
import { checkCount, checkShare, pick, put } from "./documents.ts";
import { type ServiceRequest, type ServiceState, serviceRequestSchema } from "./schema/service.ts";
import type { ChangeType } from "./schema/subscription.ts";
import type { ServiceRecord } from "./service-record.ts";
import { isCovered } from "./subjects-covered.ts";
import { busTransportId, serviceSubject, type Transports } from "./transports.ts";

export interface ServicesOptions {
  store: ApiStore;
  apps: Apps;
  transports: Transports;
  limits: Mec011Limits;
  /** After it is on disk. */
  onChange(id: string, record: ServiceRecord, change: ChangeType): void;
}

export type StoredService = Stored<ServiceRecord>;
export type Services = ReturnType<typeof createServices>;

export function createServices({ store, apps, transports, limits, onChange }: ServicesOptions) {
  const get = (id: string) => store.get<ServiceRecord>(kinds.service, id);
  const list = () => store.list<ServiceRecord>(kinds.service);
  const of = (app: string) => list().filter(({ value }) => value.app === app);

  async function write(id: string, record: ServiceRecord, change: ChangeType | undefined) {
    checkShare(store, limits, { kind: kinds.service, id, value: record });
    const etag = await put(store, kinds.service, id, record);
    if (change) onChange(id, record, change);
    return { id, value: record, etag };
  }

  /** What is kept of a request. */
  function accept(app: string, body: ServiceRequest, before?: ServiceRequest): ServiceRecord {
    const service = pick(body, serviceRequestSchema);
    delete service.isLocal;
    settleTransport(service, before);
    checkTransport(app, service);
    if (service.livenessInterval !== undefined)
      service.livenessInterval = chooseInterval(service.livenessInterval, limits.livenessS);
    return { app, service };
  }

  function checkTransport(app: string, { transportId, serName }: ServiceRequest): void {
    if (transportId === undefined) return;
    transports.check(transportId, serName);
    const subject = serviceSubject(serName);
    const may = apps.target(app)?.bus.publish ?? [];
    if (transportId !== busTransportId || isCovered(subject, may)) return;
    throw forbidden(
      `the application may not publish on ${subject}: its entry in the target state does not say so`,
    );
  }

  return {
    list,
    of,
    get,
    /** @throws Problem 404 */
    find(id: string, app?: string): StoredService {
      const found = get(id);
      if (!found || (app !== undefined && found.value.app !== app)) throw notFound(`service ${id}`);
      return found;
    },
    /** @throws Problem 400, 403 */
    create(app: string, body: ServiceRequest, id: string = randomUUID()): Promise<StoredService> {
      checkCount(of(app).length, limits.services, "services of this application");
      return write(id, accept(app, body), "ADDED");
    },
    /** @throws Problem 400, 403, 412 */
    update(stored: StoredService, body: ServiceRequest, request: ApiRequest): Promise<StoredService> {
      const { id, value, etag } = stored;
      ifMatch(request, etag, `service ${id}`);
      const record = accept(value.app, body, value.service);
      return write(id, record, changeOf(value.service, record.service));
    },
    async setState(stored: StoredService, state: ServiceState): Promise<StoredService> {
      const { id, value } = stored;
      if (value.service.state === state) return stored;
      return write(id, { ...value, service: { ...value.service, state } }, "STATE_CHANGED");
    },
    async remove({ id, value }: StoredService): Promise<void> {
      if (await store.delete(kinds.service, id)) onChange(id, value, "REMOVED");
    },
  };
}

/** A request has one of the two; one that changes a service may have none, or what it was shown. */
function settleTransport(service: ServiceRequest, before: ServiceRequest | undefined): void {
  const { transportId, transportInfo } = service;
  if (before?.transportId !== undefined && (transportInfo?.id ?? before.transportId) === before.transportId) {
    service.transportId = transportId ?? before.transportId;
    delete service.transportInfo;
  } else if (transportId !== undefined && transportInfo !== undefined) {
    throw badRequest("transportId and transportInfo are given together", "give the one or the other");
  } else if (transportId === undefined && transportInfo === undefined) {
    if (before?.transportInfo === undefined)
      throw badRequest(
        "neither transportId nor transportInfo is given",
        "GET /transports lists the platform's",
      );
    service.transportInfo = before.transportInfo;
  }
}

function chooseInterval(proposed: number, { chosen, least, most }: Mec011Limits["livenessS"]): number {
  return proposed === 0 ? chosen : Math.min(Math.max(proposed, least), most);
}

function changeOf(before: ServiceRequest, after: ServiceRequest): ChangeType | undefined {
  if (isDeepStrictEqual(before, after)) return undefined;
  return isDeepStrictEqual({ ...before, state: after.state }, after) ? "STATE_CHANGED" : "ATTRIBUTES_CHANGED";
}
