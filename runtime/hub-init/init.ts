/**
 * Lays out a hub of nats-servers of the user's own: one, or a cluster of three or five.
 *
 * - `server-a/`, … go to one server each: `server-a.conf`, `server.pem` (its key and certificate), `ca.pem`. A server holds
 *   no key that signs anything: who breaks into one can read and stop what passes there, and can let nobody in.
 * - `secret/` stays off the servers: keys of the operator and the accounts (`keys.json`), who has enrolled
 *   (`registry.json`), the CA's key (`tls/`), credentials of readers (`fleet.creds`). It is the directory of the service
 *   that enrols (`umec hub --init`), and like that of the embedded hub otherwise.
 * - `ca.pem` and `README.txt` are for everybody.
 *
 * The directory appears under its name when it is whole. An existing one is never changed.
 */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { decode } from "@nats-io/jwt";
import { messageOf, UmecError } from "../errors.ts";
import { enrolAccount, fleetAccount } from "../hub/server-accounts.ts";
import { HubKeys } from "../hub/server-keys.ts";
import { Realm } from "../nats/claims.ts";
import { keyFromSeed } from "../nats/keys.ts";
import { writePrivateFile } from "../nats/private-file.ts";
import { caFileOf, issueCertificate, provideAuthority } from "./authority.ts";
import { parseSites } from "./parse-site.ts";
import { readmeText } from "./readme.ts";
import { type HubSetup, layout, writeSetup } from "./setup.ts";
import { siteConfig } from "./site-config.ts";

export interface HubInitOptions {
  /** Must not exist, or be empty. */
  dir: string;
  /** See `parseSites`. */
  servers: readonly string[];
  /** Names and addresses that the certificates are for, besides each server's own. @default none */
  hosts?: readonly string[];
  /** Address that the servers listen on. @default "0.0.0.0" */
  listen?: string;
  /** Of the servers' certificates. @default 730 */
  days?: number;
  /** @default an operator is made */
  ownOperator?: OwnOperator;
}

/** Texts of an operator that exists already. */
export interface OwnOperator {
  /** JWT of the operator; it must name the signing key and its system account. */
  operator: string;
  /** Seed of the signing key, `SO…`. */
  signingKey: string;
  /** JWT of the system account, for the servers' configuration. */
  systemAccount: string;
  /** Credentials of a user of the system account, to publish accounts with. */
  systemCredentials: string;
}

/** @throws UmecError `HUB_INIT_EXISTS`, `HUB_SERVERS`, `HUB_OPERATOR`, and as `issueCertificate` does */
export async function initHub(options: HubInitOptions): Promise<HubSetup> {
  const { servers, hosts = [], listen = "0.0.0.0", days, ownOperator } = options;
  const dir = resolve(options.dir);
  const setup: HubSetup = {
    version: 1,
    sites: parseSites(servers),
    hosts: [...hosts],
    ...(ownOperator && { ownOperator: true }),
  };
  const trusted = ownOperator && checkOperator(ownOperator);
  await mkdir(dirname(dir), { recursive: true });
  const draft = await mkdtemp(`${dir}.new-`);
  try {
    await mkdir(layout.secret(draft), { recursive: true, mode: 0o700 });
    const keys = await HubKeys.open(layout.secret(draft), ownOperator?.signingKey.trim());
    const realm = new Realm("hub", keys.operator, keys.system);
    const systemKey = trusted?.systemAccount ?? keys.system.getPublicKey();
    const own = [fleetAccount(keys.fleet, []), enrolAccount(keys.enrol)];
    const preload = await realm.sign(ownOperator ? own : [{ name: "SYS", key: keys.system }, ...own]);
    if (ownOperator) {
      preload.set(systemKey, ownOperator.systemAccount.trim());
      await writePrivateFile(layout.systemCredentials(draft), ownOperator.systemCredentials);
    }
    const operator = ownOperator ? ownOperator.operator.trim() : await realm.operatorJwt();
    await keys.provideFleetCredentials();
    await writeSetup(draft, setup);
    await provideAuthority(layout.tls(draft));
    const ca = await readFile(caFileOf(layout.tls(draft)));
    for (const site of setup.sites) {
      await mkdir(join(draft, site.name), { mode: 0o700 });
      await issueCertificate(layout.tls(draft), layout.certificate(draft, site), [site.host, ...hosts], days);
      await writeFile(layout.siteCa(draft, site), ca);
      const config = siteConfig({ setup, site, listen, operator, systemAccount: systemKey, preload });
      await writePrivateFile(join(draft, site.name, `${site.name}.conf`), config);
    }
    await writeFile(layout.ca(draft), ca);
    await writeFile(join(draft, "README.txt"), readmeText(setup));
    await rename(draft, dir).catch((cause: Error) => {
      throw new UmecError("HUB_INIT_EXISTS", `${dir} is there already: ${cause.message}`, {
        cause,
        hint: "name another directory; one that is in use must not be made anew, as every node would need a new card",
      });
    });
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  return setup;
}

function checkOperator({ operator, signingKey }: OwnOperator): { systemAccount: string } {
  const wrong = (reason: string, hint: string, cause?: unknown) =>
    new UmecError("HUB_OPERATOR", reason, { cause, hint });
  let key: string;
  try {
    key = keyFromSeed(signingKey.trim()).getPublicKey();
  } catch {
    // Nothing of it is shown: it is a secret.
    throw wrong("the signing key is no seed", "a file with SO… alone, as nsc exports it");
  }
  let claims: { sub: string; nats: { system_account?: string; signing_keys?: string[] } };
  try {
    claims = decode(operator.trim()) as typeof claims;
  } catch (cause) {
    throw wrong(
      `the operator can't be read: ${messageOf(cause)}`,
      "its JWT, as `nsc describe operator --raw` prints it",
      cause,
    );
  }
  const { system_account: systemAccount, signing_keys: signers = [] } = claims.nats;
  if (claims.sub !== key && !signers.includes(key))
    throw wrong(
      `the operator ${claims.sub} does not know the signing key ${key}`,
      "add it: nsc edit operator --sk",
    );
  if (systemAccount === undefined)
    throw wrong("the operator names no system account", "nsc edit operator --system-account SYS");
  return { systemAccount };
}
