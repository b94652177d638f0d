/**
 * Where applications reach the bus: nats-server's listener for WebSockets over TLS.
 *
 * nats-server that can't listen, or can't read its certificate, does not start; and neither does it reload, for whatever
 * reason. Samples must not depend on that. So what is asked for is tried here before it is given to nats-server, which
 * gets copies of the certificate and key in the bus' own directory, that nobody else changes.
 */
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { messageOf, UmecError } from "../errors.ts";
import { writePrivateFile } from "../nats/private-file.ts";
import type { NatsPorts } from "../nats/server-process.ts";
import type { AppListener } from "./types.ts";

/** Throws `BUS_APPS_TLS`. */
export function requireTls({ tls }: AppListener): void {
  try {
    createSecureContext({ cert: tls.cert, key: tls.key });
  } catch (cause) {
    const text = `the certificate for applications can't be used: ${messageOf(cause)}`;
    throw new UmecError("BUS_APPS_TLS", text, { cause, hint: "is the key that of the certificate?" });
  }
}

/** Rejects with `BUS_APPS_PORT` where nobody can listen. */
export async function requireFree({ host, port }: AppListener): Promise<void> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host, port, exclusive: true }, resolve);
  try {
    await promise;
  } catch (cause) {
    const text = `the bus can't listen for applications on ${host} port ${port}: ${messageOf(cause)}`;
    throw new UmecError("BUS_APPS_PORT", text, { cause, hint: "choose another api.bus.port" });
  }
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
}

const files = (dir: string) => ({ cert: join(dir, "apps-cert.pem"), key: join(dir, "apps-key.pem") });

export async function writeTls(dir: string, { tls }: AppListener): Promise<void> {
  const { cert, key } = files(dir);
  await writePrivateFile(cert, tls.cert);
  await writePrivateFile(key, tls.key);
}

/** For {@link busConfig}. */
export function websocketConfig(dir: string, { host, port }: AppListener): (ports: NatsPorts) => string {
  const { cert, key } = files(dir);
  return (ports) => `max_control_line: ${maxControlLineBytes}
websocket {
  host: ${JSON.stringify(host)}
  port: ${port === 0 ? ports.websocket : port}
  tls { cert_file: ${JSON.stringify(cert)}, key_file: ${JSON.stringify(key)}, min_version: "1.3" }
  handshake_timeout: "5s"
}
`;
}

/** A user's claims with its rights are in one line; nats-server's own 4 KiB hold about 60 subjects. */
const maxControlLineBytes = 32 * 1024;

/** What applications dial: where it listens on all addresses, each that others can have. */
export function listenerUrls({ host, port }: AppListener, ports: NatsPorts): string[] {
  const number = port === 0 ? ports.websocket : port;
  const at = (address: string): string =>
    `wss://${address.includes(":") ? `[${address}]` : address}:${number}`;
  if (host !== "0.0.0.0" && host !== "::") return [at(host)];
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const ours = all.filter(({ internal, family }) => !internal && (host === "::" || family === "IPv4"));
  // A link-local address says nothing without its interface.
  const known = ours.filter(({ address }) => !address.startsWith("fe80:"));
  return known.length > 0 ? known.map(({ address }) => at(address)) : [at("127.0.0.1")];
}
