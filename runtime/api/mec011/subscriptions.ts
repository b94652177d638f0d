/**
 * Subscriptions of one of the two APIs: kept in the store, ended by their deadline, by their application, or when their
 * receiver is dead.
 */
import { randomUUID } from "node:crypto";
import type { TObject } from "typebox";
import { messageOf, UmecError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { badRequest, notFound } from "../http/problem.ts";
import { type CallbackPolicy, checkCallback } from "../notify/callback.ts";
import type { Notifier } from "../notify/types.ts";
import type { ApiStore, Stored } from "../types.ts";
import type { Mec011Limits } from "./context.ts";
import { checkCount, checkShare, pick, put } from "./documents.ts";
import { subscriptionHref } from "./links.ts";
import type { TimeStamp } from "./schema/words.ts";
import type { Timers } from "./timers.ts";
import { fromTimeStamp } from "./timestamp.ts";

export interface SubscriptionBody {
  subscriptionType: string;
  callbackReference: string;
  requestTestNotification?: boolean;
  expiryDeadline?: TimeStamp;
}

/** Of the application support API. */
export interface TerminationBody extends SubscriptionBody {
  appInstanceId: string;
}

export interface SubscriptionRecord<T extends SubscriptionBody> {
  /** appInstanceId of the subscriber. */
  app: string;
  subscription: T;
}

export interface SubscriptionsOptions {
  kind: string;
  /** What a request has. */
  schema: TObject;
  store: ApiStore;
  limits: Mec011Limits;
  notifier: Notifier;
  policy: CallbackPolicy;
  timers: Timers;
  clock: { nowMs(): number };
  /** Origin and root that links in notifications begin with. */
  base(): string;
  log: Log;
}

/** So long before its end a subscriber is told. */
const noticeMs = 60_000;
/** And so often a clock is asked that is far from it. */
const lookMs = 600_000;

export type Subscriptions<T extends SubscriptionBody> = ReturnType<typeof createSubscriptions<T>>;

export function createSubscriptions<T extends SubscriptionBody>(options: SubscriptionsOptions) {
  const { kind, schema, store, limits, notifier, policy, timers, clock, base, log } = options;
  type Item = Stored<SubscriptionRecord<T>>;
  const list = () => store.list<SubscriptionRecord<T>>(kind);
  const of = (app: string) => list().filter(({ value }) => value.app === app);
  const nameOf = (id: string) => `${kind} ${id}`;

  function notify({ id, value }: Item, body: object): void {
    const links = "_links" in body ? (body._links as object) : {};
    const subscription = { href: subscriptionHref(base(), value.app, id) };
    const callback = value.subscription.callbackReference;
    notifier.notify({ id: nameOf(id), callback }, { ...body, _links: { subscription, ...links } });
  }

  async function remove({ id }: Pick<Item, "id">): Promise<void> {
    timers.clear(nameOf(id));
    notifier.forget(nameOf(id));
    await store.delete(kind, id);
  }

  /** Arms its end. */
  function watch(item: Item): void {
    const { expiryDeadline } = item.value.subscription;
    if (!expiryDeadline) return;
    const name = nameOf(item.id);
    const leftMs = fromTimeStamp(expiryDeadline) - clock.nowMs();
    // The clock may be set meanwhile.
    if (leftMs > noticeMs + lookMs) {
      timers.set(name, lookMs, () => watch(item));
      return;
    }
    const end = () => {
      log.info("subscription ended: its deadline has come", { subscription: item.id });
      remove(item).catch((error: unknown) => log.error("subscription stays", { error: messageOf(error) }));
    };
    timers.set(name, leftMs - noticeMs, () => {
      notify(item, { notificationType: "ExpiryNotification", expiryDeadline });
      timers.set(name, Math.min(leftMs, noticeMs), end);
    });
  }

  const stopListening = notifier.onDead((name, reason) => {
    const item = list().find(({ id }) => nameOf(id) === name);
    if (!item) return;
    log.warn("subscription removed: its receiver is dead", {
      subscription: item.id,
      app: item.value.app,
      reason,
    });
    remove(item).catch((error: unknown) => log.error("subscription stays", { error: messageOf(error) }));
  });

  return {
    list,
    of,
    notify,
    remove,
    /** @throws Problem 404 */
    find(id: string, app: string): Item {
      const found = store.get<SubscriptionRecord<T>>(kind, id);
      if (!found || found.value.app !== app) throw notFound(`subscription ${id}`);
      return found;
    },
    /** @throws Problem 400, 403 */
    async create(app: string, body: T, id: string = randomUUID()): Promise<Item> {
      const subscription = pick(body, schema);
      checkSubscription(subscription, policy, clock.nowMs());
      checkCount(of(app).length, limits.subscriptions, "subscriptions of this application");
      const value = { app, subscription };
      checkShare(store, limits, { kind, id, value });
      const item = { id, value, etag: await put(store, kind, id, value) };
      if (subscription.requestTestNotification) notify(item, { notificationType: "TestNotification" });
      watch(item);
      return item;
    },
    /** After a restart. */
    resume(): void {
      for (const item of list()) watch(item);
    },
    stop: stopListening,
  };
}

/** @throws Problem 400 */
function checkSubscription(body: SubscriptionBody, policy: CallbackPolicy, nowMs: number): void {
  try {
    checkCallback(body.callbackReference, policy);
  } catch (error) {
    if (!(error instanceof UmecError)) throw error;
    throw badRequest(error.message, error.hint);
  }
  const { expiryDeadline } = body;
  if (expiryDeadline && fromTimeStamp(expiryDeadline) <= nowMs)
    throw badRequest(`expiryDeadline ${expiryDeadline.seconds} is in the past`);
}
