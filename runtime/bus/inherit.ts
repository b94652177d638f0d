/** A bus that goes on in the process which takes this one's place: its keys, as text and back. */
import { mkdir } from "node:fs/promises";
import { messageOf } from "../errors.ts";
import type { BusRecord } from "../handover/record.ts";
import { keyFromSeed } from "../nats/keys.ts";
import { type NodeAccounts, type PluginKeys, seedOf } from "./accounts.ts";
import { requireTls, writeTls } from "./app-listener.ts";
import type { AppsState } from "./apps.ts";
import type { BusOptions } from "./types.ts";

/** All but nats-server itself. */
export async function busRecordOf(
  accounts: NodeAccounts,
  plugins: ReadonlyMap<string, PluginKeys>,
  reconnectMs: number,
): Promise<Omit<BusRecord, "server">> {
  return {
    ...(await accounts.seeds()),
    plugins: [...plugins].map(([name, { account, signer, program }]) => [
      name,
      { account: seedOf(account), signer: seedOf(signer), program: seedOf(program) },
    ]),
    reconnectMs,
  };
}

/** The keys of all its plugins; whoever is no plugin any more goes with the next change. Throws where one is no key. */
export function inheritedPlugins({ plugins }: BusRecord): Map<string, PluginKeys> {
  return new Map(
    plugins.map(([name, { account, signer, program }]) => [
      name,
      { account: keyFromSeed(account), signer: keyFromSeed(signer), program: keyFromSeed(program) },
    ]),
  );
}

/** nats-server listens for applications already. Those that are connected are put out, and ask for credentials again. */
export async function inheritedApps({
  apps: listener,
  dir,
  log,
}: BusOptions): Promise<AppsState | undefined> {
  if (!listener) return undefined;
  try {
    requireTls(listener);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeTls(dir, listener);
    return { listener, signers: new Map() };
  } catch (error) {
    log.warn(messageOf(error));
    return undefined;
  }
}
