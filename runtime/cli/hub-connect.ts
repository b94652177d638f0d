import { readFile } from "node:fs/promises";
import { errors } from "@nats-io/nats-core";
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
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
  if (tlsCa !== undefined) options.tls = { caFile: tlsCa };
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
