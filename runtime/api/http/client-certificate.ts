import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { Problem } from "./problem.ts";

/** Of each connection, as reading a certificate costs. */
const names = new WeakMap<Socket, string | undefined>();

/**
 * The common name of the certificate that a client has shown; `undefined` when it has shown none.
 *
 * @throws Problem 401 when the clients' CA does not vouch for it
 */
export function certificateName(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  if (names.has(socket)) return names.get(socket);
  const { subject } = socket.getPeerCertificate();
  if (subject && !socket.authorized) {
    const detail = `the client's certificate is refused: ${socket.authorizationError}`;
    throw new Problem(401, "API_CERTIFICATE", detail, {
      headers: { "www-authenticate": 'Bearer realm="umec"' },
    });
  }
  // Of several names none is the application's; the types don't know that they come as an array.
  const name = typeof subject?.CN === "string" ? subject.CN : undefined;
  names.set(socket, name);
  return name;
}
