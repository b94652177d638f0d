/** A certificate for loopback, and an application's connection to the bus: for the tests of the API. */
import { randomBytes } from "node:crypto";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { credsAuthenticator, type NatsConnection, wsconnect } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { createCertificate } from "./hub-init/openssl.ts";

export interface TestCertificate {
  cert: string;
  key: string;
}

/** One that signs itself, and that this process trusts from then on. */
export async function loopbackCertificate(dir: string): Promise<TestCertificate> {
  const extensions = ["basicConstraints = critical,CA:TRUE", "subjectAltName = IP:127.0.0.1,DNS:localhost"];
  // Two of one name can't both be trusted: the issuer is looked up by it.
  const name = `test ${randomBytes(8).toString("hex")}`;
  const pem = await createCertificate({ dir, name, extensions, days: 2 });
  const at = pem.indexOf("-----BEGIN CERTIFICATE");
  const [key, cert] = [pem.slice(0, at), pem.slice(at)];
  trust(cert);
  return { cert, key };
}

/** This process trusts the certificate from now on: a WebSocket of Node.js takes no CA of its own. */
export function trust(cert: string): void {
  setDefaultCACertificates([...getCACertificates("default"), cert]);
}

/** As an application connects: with the credentials file that it was given. */
export async function connectApp(url: string, app: string, creds: string): Promise<NatsConnection> {
  try {
    return await wsconnect({
      servers: url,
      name: app,
      inboxPrefix: `_INBOX_app.${app}`,
      authenticator: credsAuthenticator(new TextEncoder().encode(creds)),
      reconnect: false,
      timeout: 10_000,
    });
  } finally {
    // The way to connect is the client library's for the whole process: what reconnects later is to do it by TCP again.
    await connect({ servers: "127.0.0.1:1", reconnect: false }).catch(() => undefined);
  }
}
