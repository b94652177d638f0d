import type { NodeRecord } from "../hub-nodes-wire.ts";
import type { Log } from "../log.ts";
import { signScopedUser } from "../nats/claims.ts";
import { Registry } from "./registry.ts";
import { HubKeys } from "./server-keys.ts";

/** What enrolment works with, in a running hub, or in its directory while no hub runs. */
export interface EnrolDesk {
  readonly dir: string;
  readonly keys: HubKeys;
  readonly registry: Registry;
  /** How long a node's claims hold, in milliseconds. */
  readonly validMs: number;
  /** The CAs that nodes are told to trust when they renew, PEM. @default they are told none */
  readonly caFile?: string;
  readonly log: Log;
  /** Unix time in milliseconds. */
  now(): number;
  /** Makes what the registry says of this node hold at the running hub; without one there is nothing to do: its start does it. */
  apply(node: string): Promise<void>;
  /** One after another, in the order of the calls. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
}

export interface DeskOptions {
  /** Of the hub; nobody else uses it meanwhile. */
  dir: string;
  /** @default 90 days */
  validMs?: number;
  /** See {@link EnrolDesk.caFile}. */
  caFile?: string;
  log: Log;
  /** @default the system's clock */
  now?: () => number;
  /** @default nothing: no hub runs */
  apply?: (node: string) => Promise<void>;
}

const defaultValidMs = 90 * 86_400_000;

/** @throws UmecError as `HubKeys.open` and `Registry.open` do */
export async function openDesk(options: DeskOptions): Promise<EnrolDesk> {
  const { dir, log, now = Date.now, validMs = defaultValidMs, caFile, apply = async () => {} } = options;
  const keys = await HubKeys.open(dir);
  const registry = await Registry.open(dir, { now });
  // A crash may have come between the two files.
  await keys.admit([...registry.nodes.keys()]);
  let turns: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = turns.then(work);
    turns = turn.catch(() => undefined);
    return turn;
  };
  return { dir, keys, registry, validMs, ...(caFile !== undefined && { caFile }), log, now, apply, inTurn };
}

/** Two thirds of the time that claims hold: a third is left for an outage. */
export function renewAtMs({
  renewedAtMs,
  expiresAtMs,
}: {
  renewedAtMs: number;
  expiresAtMs: number;
}): number {
  return renewedAtMs + ((expiresAtMs - renewedAtMs) * 2) / 3;
}

export interface Claims {
  jwt: string;
  renewAtMs: number;
  expiresAtMs: number;
  timeMs: number;
}

/** Signs what the registry says: claims of the node's present link key that end when it says. */
export async function signClaims(desk: EnrolDesk, name: string): Promise<Claims> {
  const node = desk.registry.nodes.get(name)!;
  const { link } = node.keys;
  const jwt = await signScopedUser(desk.keys.node(name), name, link, node.expiresAtMs);
  return { jwt, renewAtMs: renewAtMs(node), expiresAtMs: node.expiresAtMs, timeMs: desk.now() };
}

/** The node's record for readers; `undefined` for one that never enrolled. */
export function recordOf({ registry }: EnrolDesk, name: string): NodeRecord | undefined {
  const node = registry.nodes.get(name);
  if (!node) return undefined;
  const { state, keys, enrolledAtMs, former, hardware, umec } = node;
  return {
    version: 1,
    node: name,
    state,
    keys,
    enrolledAtMs,
    former,
    ...(hardware && { hardware }),
    ...(umec !== undefined && { umec }),
  };
}

/** As nats-server takes them. */
export function revocationsOf({ registry }: EnrolDesk, name: string): Record<string, number> | undefined {
  const entries = Object.entries(registry.nodes.get(name)?.revocations ?? {});
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.map(([key, { atS }]) => [key, atS]));
}
