import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { errors } from "@nats-io/nats-core";
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
  type TlsOptions,
} from "@nats-io/transport-node";
import { messageOf, UmecError } from "../errors.ts";

export interface HubAddress {
  /** `nats://host:port`, several with commas between. */
  url: string;
  /** Credentials file. */
  creds?: string;
  /** PEM file. */
  tlsCa?: string;
}

/**
 * A connection to a hub in another process.
 *
 * @throws UmecError `HUB_UNREACHABLE`, `HUB_FORBIDDEN`, `HUB_CREDENTIALS`
 */
export async function connectHub({ url, creds, tlsCa }: HubAddress): Promise<NatsConnection> {
  const options: ConnectionOptions = { servers: url.split(","), name: "umec", timeout: 5000 };
  if (creds !== undefined) options.authenticator = credsAuthenticator(await readCredentials(creds));
  if (tlsCa !== undefined) options.tls = tlsWith(tlsCa, url);
  try {
    return await connect(options);
  } catch (cause) {
    const refused =
      cause instanceof errors.AuthorizationError || cause instanceof errors.UserAuthenticationExpiredError;
    if (refused) {
      throw new UmecError("HUB_FORBIDDEN", `${url} refuses these credentials: ${messageOf(cause)}`, {
        cause,
        hint: creds === undefined ? "name the fleet's credentials with --creds" : "are they this hub's?",
      });
    }
    throw new UmecError("HUB_UNREACHABLE", `no connection to ${url}: ${messageOf(cause)}`, {
      cause,
      hint: "is the hub running, and this its address for clients?",
    });
  }
}

/** The client names no host when it was given an address; then the certificate must be for one of the addresses here. */
function tlsWith(caFile: string, url: string): TlsOptions {
  const hosts = url.split(",").map((one) => one.replace(/^\w+:\/\//, "").replace(/:\d+$/, ""));
  const addresses = hosts.map((host) => host.replace(/^\[|\]$/g, "")).filter((host) => isIP(host) > 0);
  const check = (host: string, certificate: PeerCertificate): Error | undefined => {
    const fault = checkServerIdentity(host, certificate);
    const fits = addresses.some((address) => checkServerIdentity(address, certificate) === undefined);
    return host === "localhost" && fits ? undefined : fault;
  };
  return { caFile, checkServerIdentity: check } as TlsOptions;
}

async function readCredentials(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new UmecError("HUB_CREDENTIALS", `the credentials can't be read: ${messageOf(cause)}`, {
      cause,
      hint: "`umec hub` says where they are",
    });
  }
}
