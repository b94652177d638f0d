/** A bus that goes on in the process which takes this one's place: its keys, as text and back. */
import type { BusRecord } from "../handover/record.ts";
import { keyFromSeed } from "../nats/keys.ts";
import { type NodeAccounts, type PluginKeys, seedOf } from "./accounts.ts";

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
