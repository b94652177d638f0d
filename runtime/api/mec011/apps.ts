/**
 * Which applications there are, and who may use whose resources.
 *
 * Applications come from the target state, from a fixture, or are registered by a person (guests). An application uses
 * its own resources only. A person whose token has the API's scope uses those of all; tokens give people these scopes
 * from maintainer on.
 */
import { forbidden, notFound } from "../http/problem.ts";
import type { ApiRequest } from "../http/route.ts";
import type { ApiStore, AppTarget } from "../types.ts";
import { kinds } from "./context.ts";
import { put } from "./documents.ts";
import type { OperationAction } from "./schema/subscription.ts";
import type { AppInfo } from "./schema/support.ts";

/** What the platform keeps about an application. */
export interface AppRecord {
  /** As it registered. */
  info?: AppInfo;
  /** It has said that it is up. */
  ready?: boolean;
  /** It is being stopped: until then it may confirm. */
  ending?: Ending;
  /** It was stopped, and has not said since that it is up: its rules do not hold. */
  off?: boolean;
  /** A person registered it, and it goes with its registration. */
  guest?: boolean;
}

export interface Ending {
  action: OperationAction;
  timeoutS: number;
  /** Unix time; a clock that steps can't make it longer than `timeoutS`. */
  deadlineMs: number;
}

export interface Apps {
  /** Of the target state or the fixture; a guest has none. */
  target(appInstanceId: string): AppTarget | undefined;
  targets(): readonly AppTarget[];
  isKnown(appInstanceId: string): boolean;
  record(appInstanceId: string): AppRecord;
  /** Resolves when it is on disk. An empty record is none. */
  keep(appInstanceId: string, record: AppRecord): Promise<void>;
  /** With a record, known or not any more. */
  recorded(): readonly string[];
  /** From now on, besides those of the target state. */
  seed(targets: readonly AppTarget[]): void;
}

export function createApps(store: ApiStore, apps: () => readonly AppTarget[]): Apps {
  let seeded: readonly AppTarget[] = [];
  const targets = () => {
    const real = apps();
    if (seeded.length === 0) return real;
    const ids = new Set(real.map(({ appInstanceId }) => appInstanceId));
    return [...real, ...seeded.filter(({ appInstanceId }) => !ids.has(appInstanceId))];
  };
  const target = (id: string) => targets().find(({ appInstanceId }) => appInstanceId === id);
  const record = (id: string) => store.get<AppRecord>(kinds.app, id)?.value ?? {};
  return {
    target,
    targets,
    record,
    isKnown: (id) => target(id) !== undefined || record(id).guest === true,
    async keep(id, next) {
      if (Object.keys(next).length === 0) await store.delete(kinds.app, id);
      else await put(store, kinds.app, id, next);
    },
    recorded: () => store.list<AppRecord>(kinds.app).map(({ id }) => id),
    seed(more) {
      seeded = more;
    },
  };
}

/**
 * The application that the request's path names, when whoever asks may use its resources.
 *
 * @throws Problem 404 when there is no such application, 403 when it is another's
 */
export function ownApp({ principal, params }: Pick<ApiRequest, "principal" | "params">, apps: Apps): string {
  const { appInstanceId = "" } = params;
  if (!apps.isKnown(appInstanceId)) throw notFound(`application instance ${appInstanceId}`);
  if (principal?.kind === "app" && principal.appInstanceId !== appInstanceId)
    throw forbidden(`application instance ${appInstanceId} is not ${principal.name}`);
  return appInstanceId;
}
