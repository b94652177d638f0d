/**
 * ETSI GS MEC 011: applications of the node find each other, and say what they need (all 32 operations of V3.1.1, with
 * the bare bodies and the full enumerations of V2.1.1).
 *
 * | file | what |
 * |---|---|
 * | `apps.ts` | which applications there are, and who may use whose resources |
 * | `services.ts`, `liveness.ts`, `transports.ts` | services, their heartbeats, what carries them |
 * | `subscriptions.ts`, `service-notices.ts` | who wants to hear of changes, and what they hear |
 * | `rules.ts` | DNS and traffic rules, on and off |
 * | `termination.ts` | the end of an application |
 * | `bus-access.ts` | credentials for the bus |
 * | `fixture.ts`, `seed.ts` | known contents for tests |
 *
 * **On disk** is all that applications said: registrations, services, subscriptions, states of rules, ends that are
 * under way. An answer goes out after the disk has it, so what was answered is there after a power cut. Heartbeats and
 * queues of notifications are in memory. Documents are small, and an application may have so many, and so
 * many bytes of them in all: no application can fill the store alone.
 *
 * **An application that is no longer in the target state** loses all that it had: at the start, and with each
 * {@link Mec011.setApps}.
 */
import { badRequest } from "../http/problem.ts";
import type { ApiFamily } from "../http/route.ts";
import { createApps } from "./apps.ts";
import { createBusAccess } from "./bus-access.ts";
import {
  defaultLimits,
  kinds,
  type Mec011Limits,
  type Mec011Options,
  serviceRoot,
  supportRoot,
} from "./context.ts";
import type { Fixture } from "./fixture.ts";
import { createLiveness } from "./liveness.ts";
import { createOneByOne } from "./one-by-one.ts";
import { ownFamily } from "./own-routes.ts";
import { readinessRoutes } from "./readiness-routes.ts";
import { registrationRoutes } from "./registration-routes.ts";
import { ruleRoutes } from "./rule-routes.ts";
import { createRules, type RuleRecord } from "./rules.ts";
import {
  availabilityRequestSchema,
  availabilitySubscriptionSchema,
  type OperationAction,
  terminationRequestSchema,
  terminationSubscriptionSchema,
} from "./schema/subscription.ts";
import { seed } from "./seed.ts";
import { checkCriteria } from "./service-filter.ts";
import { type AvailabilityBody, createServiceNotices } from "./service-notices.ts";
import { serviceRoutes } from "./service-routes.ts";
import { createServices } from "./services.ts";
import { subscriptionRoutes } from "./subscription-routes.ts";
import { createSubscriptions, type TerminationBody } from "./subscriptions.ts";
import { createTermination } from "./termination.ts";
import { createTimers } from "./timers.ts";
import { timingRoutes } from "./timing.ts";
import { createTransports } from "./transports.ts";

export interface Mec011 {
  readonly families: readonly ApiFamily[];
  /** After the target state has changed. Resolves when what left is removed, voided and switched off. */
  setApps(): Promise<void>;
  /** Resolves when the fixture's contents are served. @throws UmecError `API_FIXTURE` */
  seed(fixture: Fixture): Promise<void>;
  /** Ends an application in grace; see termination.ts. */
  terminate(appInstanceId: string, action: OperationAction, timeoutS: number): Promise<void>;
  /** Ends timers. The notifier, the store and the engine are their owners' to stop. */
  stop(): Promise<void>;
}

/**
 * Resolves when what was kept can be served, without what left the target state meanwhile. Rules and the bus are told
 * behind that.
 */
export async function createMec011(options: Mec011Options): Promise<Mec011> {
  const {
    store,
    node,
    broker,
    rules: engine,
    clock,
    notifier,
    callbackPolicy: policy = {},
    url,
    log,
  } = options;
  const limits: Mec011Limits = { ...defaultLimits, ...options.limits };
  const timers = createTimers();
  const oneByOne = createOneByOne();
  const apps = createApps(store, options.apps);
  const transports = createTransports(options);
  const common = { store, limits, notifier, policy, timers, clock, log };
  const availability = createSubscriptions<AvailabilityBody>({
    ...common,
    kind: kinds.availability,
    schema: availabilityRequestSchema,
    base: () => url() + serviceRoot,
  });
  const terminations = createSubscriptions<TerminationBody>({
    ...common,
    kind: kinds.termination,
    schema: terminationRequestSchema,
    base: () => url() + supportRoot,
  });
  const tellOfService = createServiceNotices({ subscriptions: availability, transports, url });
  const services = createServices({
    ...{ store, apps, transports, limits },
    onChange(id, record, change) {
      liveness.look(id);
      tellOfService(id, record, change);
    },
  });
  const liveness = createLiveness({ services: () => services, clock, timers, log });
  const rules = createRules({ store, apps, engine, timers, log });
  const bus = createBusAccess({ store, apps, services, broker, node, timers, limits, log });
  const termination = createTermination({
    ...{ apps, clock, timers, clear, log, applyRules: () => rules.apply() },
    tell(app, operationAction, maxGracefulTimeout) {
      const items = terminations.of(app);
      const href = `${url()}${supportRoot}/applications/${encodeURIComponent(app)}/confirm_termination`;
      const body = { operationAction, maxGracefulTimeout, _links: { confirmTermination: { href } } };
      for (const item of items)
        terminations.notify(item, { notificationType: "AppTerminationNotification", ...body });
      return items.length > 0;
    },
    async quiet(app) {
      for (const stored of services.of(app)) await services.setState(stored, "INACTIVE");
    },
  });

  /** All that it had, but for its record. */
  async function clear(app: string): Promise<void> {
    termination.forget(app);
    for (const stored of services.of(app)) await services.remove(stored);
    for (const item of availability.of(app)) await availability.remove(item);
    for (const item of terminations.of(app)) await terminations.remove(item);
    await rules.forget(app);
    await bus.drop(app);
  }

  /** Everybody that something is kept of. */
  function owners(): Set<string> {
    const ids = new Set(apps.recorded());
    for (const { value } of services.list()) ids.add(value.app);
    for (const { value } of [...availability.list(), ...terminations.list()]) ids.add(value.app);
    for (const kind of [kinds.dns, kinds.traffic])
      for (const { value } of store.list<RuleRecord>(kind)) ids.add(value.app);
    return ids;
  }

  /** What applications had that are gone. */
  async function prune(): Promise<void> {
    for (const app of owners()) {
      if (apps.isKnown(app)) continue;
      log.info("application is not in the target state any more: what it had is removed", { app });
      await clear(app);
      await apps.keep(app, {});
    }
  }

  /** What is outside of the API: the bus first, as rights are voided there. */
  async function settle(): Promise<void> {
    await bus.look();
    await rules.apply();
  }

  if (!engine) log.info("DNS and traffic rules are kept, and nothing enforces them");
  for (const { id } of services.list()) liveness.look(id);
  availability.resume();
  terminations.resume();
  termination.resume();
  await prune();
  // A unit that does not answer must not keep the API from being served.
  void oneByOne(settle);

  return {
    families: [
      {
        roots: [supportRoot, "/mec_app_support/v2"],
        title: "MEC application support (ETSI GS MEC 011)",
        version: "3.1.1",
        routes: [
          ...subscriptionRoutes<TerminationBody>({
            ...{ scope: "mec_app_support", apps, subscriptions: terminations },
            requestSchema: terminationRequestSchema,
            schema: terminationSubscriptionSchema,
            check(app, { appInstanceId }) {
              if (appInstanceId !== app)
                throw badRequest(`appInstanceId is ${appInstanceId}, and ${app} in the path`);
            },
          }),
          ...timingRoutes(options),
          ...ruleRoutes(apps, rules),
          ...readinessRoutes(apps, termination),
          ...registrationRoutes({ apps, store, limits, clear }),
        ],
      },
      {
        roots: [serviceRoot],
        title: "MEC service management (ETSI GS MEC 011)",
        version: "3.1.1",
        routes: [
          ...serviceRoutes({ apps, services, transports, liveness }),
          ...subscriptionRoutes<AvailabilityBody>({
            ...{ scope: "mec_service_mgmt", apps, subscriptions: availability },
            requestSchema: availabilityRequestSchema,
            schema: availabilitySubscriptionSchema,
            check: (_app, { filteringCriteria = {} }) => checkCriteria(filteringCriteria),
          }),
        ],
      },
      ownFamily(apps, bus, termination),
    ],
    setApps: () =>
      oneByOne(async () => {
        await prune();
        await settle();
      }),
    seed: (fixture) =>
      oneByOne(() =>
        seed(fixture, {
          ...{ apps, services, availability, rules, termination, clock, clear },
          terminations,
        }),
      ),
    terminate: (app, action, timeoutS) => termination.begin(app, action, timeoutS, "the node"),
    async stop() {
      timers.stop();
      availability.stop();
      terminations.stop();
    },
  };
}
