import type { Log } from "../../log.ts";
import type { CallbackPolicy } from "../notify/callback.ts";
import type { Notifier } from "../notify/types.ts";
import type { ApiStore, AppTarget, Broker, ClockQuality, RuleEngine } from "../types.ts";

export interface Mec011Options {
  store: ApiStore;
  /** Of the target state, as it is now; {@link Mec011.setApps} says that it has changed. */
  apps(): readonly AppTarget[];
  /** Name of the node, as it is in the subjects of its things. */
  node: string;
  /** Origin of the API as applications reach it, without a slash at the end: links in notifications begin with it. */
  url(): string;
  /** Token endpoint, for the description of the REST transport. Absent: none is told. */
  tokenEndpoint?(): string;
  /** Absent: there is no MB_PUBSUB, and no credentials. */
  broker?: Broker;
  /** Absent: rules are kept and shown, and a line in the log says that nothing enforces them. */
  rules?: RuleEngine;
  clock: { nowMs(): number };
  clockQuality(): Promise<ClockQuality>;
  notifier: Notifier;
  callbackPolicy?: CallbackPolicy;
  limits?: Partial<Mec011Limits>;
  log: Log;
}

export interface Mec011Limits {
  /** Of one application. @default 64 */
  services: number;
  /** Of one application, for each of the two APIs. @default 32 */
  subscriptions: number;
  /** Registered by people, beside those of the target state. @default 64 */
  guests: number;
  /** Of one document, as JSON text. @default 16_384 */
  documentBytes: number;
  /** Of one application's services and subscriptions together. @default 131_072 */
  appBytes: number;
  /** Seconds between two heartbeats: what the platform takes for 0, and the range it keeps to. @default 60, 1, 3_600 */
  livenessS: { chosen: number; least: number; most: number };
  /** What is granted on the bus lasts so long when nobody says, and no longer than `most`. @default 3_600, 86_400 */
  busLifetimeS: { chosen: number; most: number };
}

export const defaultLimits: Mec011Limits = {
  services: 64,
  subscriptions: 32,
  guests: 64,
  documentBytes: 16_384,
  appBytes: 131_072,
  livenessS: { chosen: 60, least: 1, most: 3_600 },
  busLifetimeS: { chosen: 3_600, most: 86_400 },
};

/** Kinds of documents in the store. Their names outlive versions. */
export const kinds = {
  /** By appInstanceId: {@link AppRecord}. */
  app: "mec011.app",
  /** By serInstanceId: {@link ServiceRecord}. */
  service: "mec011.service",
  /** By subscriptionId: {@link SubscriptionRecord}. */
  availability: "mec011.availability",
  termination: "mec011.termination",
  /** By `appInstanceId/ruleId`: {@link RuleRecord}. */
  dns: "mec011.dns",
  traffic: "mec011.traffic",
  /** By the application's name: {@link BusRecord}. */
  bus: "mec011.bus",
} as const;

export const supportRoot = "/mec_app_support/v1";
export const serviceRoot = "/mec_service_mgmt/v1";
