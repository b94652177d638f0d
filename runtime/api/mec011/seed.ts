/** Puts a fixture's documents in their places. What an application of the fixture had before is removed first. */
import { isUmecError, UmecError } from "../../errors.ts";
import type { Apps } from "./apps.ts";
import { type Fixture, type FixtureApp, fixtureApps } from "./fixture.ts";
import type { Rules } from "./rules.ts";
import type { TrafficRule } from "./schema/rule.ts";
import type { AvailabilityBody } from "./service-notices.ts";
import type { Services } from "./services.ts";
import type { Subscriptions, TerminationBody } from "./subscriptions.ts";
import type { Termination } from "./termination.ts";

export interface SeedOptions {
  apps: Apps;
  services: Services;
  availability: Subscriptions<AvailabilityBody>;
  terminations: Subscriptions<TerminationBody>;
  rules: Rules;
  termination: Termination;
  clock: { nowMs(): number };
  clear(app: string): Promise<void>;
}

/** @throws UmecError `API_FIXTURE` that names the application and what is wrong */
export async function seed(fixture: Fixture, options: SeedOptions): Promise<void> {
  const { apps, rules, termination } = options;
  const traffic = fixture.apps.map(
    ({ appInstanceId, trafficRules = [] }) => [appInstanceId, trafficRules] as const,
  );
  apps.seed(fixtureApps(fixture));
  rules.seed(new Map<string, readonly TrafficRule[]>(traffic));
  for (const app of fixture.apps) {
    await seedApp(app, options).catch((cause: unknown) => {
      if (!isUmecError(cause)) throw cause;
      const hint = cause.hint === undefined ? {} : { hint: cause.hint };
      throw new UmecError("API_FIXTURE", `fixture: ${app.name}: ${cause.message}`, { cause, ...hint });
    });
  }
  termination.resume();
  await rules.apply();
}

async function seedApp(app: FixtureApp, options: SeedOptions): Promise<void> {
  const { apps, services, availability, terminations, clock, clear } = options;
  const { appInstanceId: id, appInfo, ready, ending } = app;
  await clear(id);
  await apps.keep(id, {
    ...(appInfo ? { info: { ...appInfo, appInstanceId: id } } : {}),
    ...(ready === undefined ? {} : { ready }),
    ...(ending ? { ending: endingOf(ending, clock.nowMs()) } : {}),
  });
  for (const { serInstanceId, ...service } of app.services ?? [])
    await services.create(id, service, serInstanceId);
  for (const { subscriptionId, ...body } of app.availabilitySubscriptions ?? [])
    await availability.create(id, body, subscriptionId);
  for (const { subscriptionId, ...body } of app.terminationSubscriptions ?? [])
    await terminations.create(id, body, subscriptionId);
}

function endingOf(
  { operationAction, maxGracefulTimeout: timeoutS }: NonNullable<FixtureApp["ending"]>,
  nowMs: number,
) {
  return { action: operationAction, timeoutS, deadlineMs: nowMs + timeoutS * 1_000 };
}
