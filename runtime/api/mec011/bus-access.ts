/**
 * What applications may do on the bus, and when that ends.
 *
 * ETSI leaves open how an application comes by what it needs for a message bus; this is ours. An application may use
 * the subjects of its entry in the target state, and those of its things; of a request that names services it gets only
 * theirs. So a service on the bus can neither be published by somebody else than the entry says, nor heard.
 *
 * What was granted is noted on disk, without its secret. When the entry changes, or is gone, all that the application
 * was given is void and its connections are closed; it asks again, and gets what it may have now. Each grant ends by
 * itself after its lifetime.
 */

import { isUmecError, messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { badRequest, forbidden, notFound, Problem } from "../http/problem.ts";
import { thingSubjects } from "../patterns.ts";
import type { ApiStore, AppTarget, Broker, BusCredentials, BusGrant } from "../types.ts";
import type { Apps } from "./apps.ts";
import { kinds, type Mec011Limits } from "./context.ts";
import { put } from "./documents.ts";
import type { Services } from "./services.ts";
import { isCovered } from "./subjects-covered.ts";
import type { Timers } from "./timers.ts";
import { busTransportId, serviceSubject } from "./transports.ts";

/** Noted as long as there may be something to be voided. */
interface BusRecord {
  /** All that the application might have got, as JSON: when that is another now, what it got is to be voided. */
  allowed: string;
}

/** The bus did not take it: it is asked again. */
const retryMs = 5_000;

export interface BusAccessOptions {
  store: ApiStore;
  apps: Apps;
  services: Services;
  broker: Broker | undefined;
  /** Name of the node, as it is in the subjects of its things. */
  node: string;
  timers: Timers;
  limits: Mec011Limits;
  log: Log;
}

export type BusAccess = ReturnType<typeof createBusAccess>;

export function createBusAccess(options: BusAccessOptions) {
  const { store, apps, services, broker, node, timers, limits, log } = options;

  function allowed(target: AppTarget): BusGrant {
    const things = thingSubjects(node, target);
    return {
      publish: [...new Set([...target.bus.publish, ...things.publish])],
      subscribe: [...new Set([...target.bus.subscribe, ...things.subscribe])],
    };
  }

  /** @throws Problem 403, 404 */
  function narrowed(target: AppTarget, ids: readonly string[]): BusGrant {
    const all = allowed(target);
    const publish = new Set<string>();
    const subscribe = new Set<string>();
    for (const id of ids) {
      const { value } = services.find(id);
      const { transportId, serName } = value.service;
      if (transportId !== busTransportId) throw badRequest(`service ${id} is not on the bus`);
      const subject = serviceSubject(serName);
      const isOwn = value.app === target.appInstanceId;
      if (!isCovered(subject, isOwn ? all.publish : all.subscribe))
        throw forbidden(`${target.name} may not ${isOwn ? "publish on" : "subscribe to"} ${subject}`);
      (isOwn ? publish : subscribe).add(subject);
    }
    return { publish: [...publish], subscribe: [...subscribe] };
  }

  /** When the bus does not do it now, it is asked until it does. */
  async function revoke(name: string): Promise<void> {
    if (!broker || !store.get(kinds.bus, name)) return;
    // First the order: a power cut behind it must not leave what was given.
    await put(store, kinds.bus, name, { allowed: "" } satisfies BusRecord);
    await broker.revoke(name);
    await store.delete(kinds.bus, name);
    log.info("what an application was given on the bus is void", { app: name });
  }

  async function look(): Promise<void> {
    const now = new Map(apps.targets().map((target) => [target.name, JSON.stringify(allowed(target))]));
    try {
      for (const { id, value } of store.list<BusRecord>(kinds.bus))
        if (now.get(id) !== value.allowed) await revoke(id);
    } catch (error) {
      log.error("what was given on the bus is not void yet", { error: messageOf(error), againInMs: retryMs });
      lookAgain();
    }
  }

  function lookAgain(): void {
    timers.set("bus", retryMs, () => void look());
  }

  function broken(): never {
    throw notFound("bus for applications on this node");
  }

  return {
    /** @throws Problem 400, 403, 404, 503 */
    async grant(
      app: string,
      request: { services?: readonly string[]; lifetimeS?: number },
    ): Promise<BusCredentials & { grant: BusGrant; urls: readonly string[] }> {
      if (!broker) return broken();
      const target = apps.target(app);
      if (!target)
        throw forbidden(
          `application instance ${app} is not of the target state, and gets nothing on the bus`,
        );
      const { chosen, most } = limits.busLifetimeS;
      const grant = request.services ? narrowed(target, request.services) : allowed(target);
      if (grant.publish.length + grant.subscribe.length === 0)
        throw forbidden(`there are no subjects that ${target.name} may use`);
      // What the bus was asked to void and has not yet would be mistaken for what is given now.
      if (store.get<BusRecord>(kinds.bus, target.name)?.value.allowed === "")
        await revoke(target.name).catch(unreached);
      const record: BusRecord = { allowed: JSON.stringify(allowed(target)) };
      // Noted before it is given: what nobody knows of could not be voided.
      await put(store, kinds.bus, target.name, record);
      const lifetimeMs = Math.min(request.lifetimeS ?? chosen, most) * 1_000;
      const credentials = await broker.grant(target.name, grant, lifetimeMs).catch(unreached);
      return { ...credentials, grant, urls: broker.urls };
    },
    /** @throws Problem 404 when the node has no bus for applications, 503 when it is not reached: then it is asked again */
    async revoke(app: string): Promise<void> {
      if (!broker) return broken();
      const name = apps.target(app)?.name;
      if (name === undefined) return;
      await revoke(name).catch((error: unknown) => {
        lookAgain();
        return unreached(error);
      });
    },
    /** All that is given to applications whose entry has changed or gone is voided, now or as soon as the bus does it. */
    look,
    /** As `revoke`, for who can't be told that it takes longer. */
    async drop(app: string): Promise<void> {
      const name = apps.target(app)?.name;
      if (name === undefined || !store.get(kinds.bus, name)) return;
      await put(store, kinds.bus, name, { allowed: "" } satisfies BusRecord);
      await look();
    },
  };
}

/** @throws Problem 403 for what the bus refuses, 503 for what it fails to do */
function unreached(error: unknown): never {
  if (isUmecError(error, "BUS_GRANT")) {
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new Problem(403, error.code, error.message, { ...hint, cause: error });
  }
  throw new Problem(503, "API_BUS_DOWN", `the bus did not do it: ${messageOf(error)}`, {
    hint: "ask again in a while",
    cause: error,
  });
}
