/**
 * Which certificate a camera may show.
 *
 * A camera's certificate is mostly its own and self-signed. It can be pinned by its fingerprint: then this one counts
 * and nothing else, neither name nor date, since a camera's clock may be wrong and its address may change. Otherwise
 * it is checked as on the web, against the given authority or the system's.
 */
import type { Agent } from "node:https";
import https from "node:https";
import { isIP } from "node:net";
import tls, { type TLSSocket } from "node:tls";
import { UmecError } from "../../runtime/plugin/sdk.ts";

export interface Trust {
  /** Certificates of the authorities, PEM. @default the system's */
  ca?: string | undefined;
  /** SHA-256 of the certificate: 64 hex digits, colons allowed. */
  fingerprint?: string | undefined;
}

/** An agent that gives out only connections whose certificate was found good. */
export function secureAgent({ ca, fingerprint }: Trust): Agent {
  const common = { keepAlive: true, maxSockets: 4, maxCachedSessions: 0 };
  if (fingerprint === undefined) return new https.Agent({ ...common, ...(ca !== undefined && { ca }) });
  const agent = new https.Agent(common);
  const wanted = plainFingerprint(fingerprint);
  type Connect = (
    options: tls.ConnectionOptions,
    done: (error: Error | null, socket?: TLSSocket) => void,
  ) => void;
  const connect: Connect = (options, done) => {
    const { host = "" } = options;
    // Not even the name is looked at: the pin is more than both.
    const socket = tls.connect({ ...options, servername: isIP(host) ? "" : host, rejectUnauthorized: false });
    const failed = (error: Error): void => done(error);
    socket.once("error", failed);
    socket.once("secureConnect", () => {
      socket.off("error", failed);
      const shown = socket.getPeerCertificate().fingerprint256 ?? "";
      if (plainFingerprint(shown) === wanted) return done(null, socket);
      socket.on("error", () => {});
      socket.destroy();
      done(
        new UmecError(
          "ONVIF_CERTIFICATE",
          `the certificate's fingerprint is ${shown}, not the one that is pinned`,
          {
            hint: "if the camera got a new certificate, pin that; if not, somebody is between you and it",
          },
        ),
      );
    });
  };
  return Object.assign(agent, { createConnection: connect });
}

function plainFingerprint(text: string): string {
  return text.replaceAll(":", "").toLowerCase();
}
