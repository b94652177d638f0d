/**
 * Where a camera is asked.
 *
 * Cameras name the addresses of their own services, and often they are wrong: the address inside a NAT, that of
 * another interface, or the one that the factory gave. Only the configured host is ever talked to - so no answer can
 * send the password elsewhere - and of a service's address the path counts. Its port counts while it has the
 * configured host and answers; then the configured port takes its place.
 */
import { isUmecError, UmecError } from "../../runtime/plugin/sdk.ts";

export interface Base {
  /** A name or an address; IPv6 without brackets, with a zone where it needs one: `fe80::1%eth0`. */
  host: string;
  port: number;
  secure: boolean;
  path: string;
}

/** The base as a URL: without an IPv6 zone, which no URL can carry (RFC 9844 has it for people only). */
export function baseUrl({ host, port, secure, path }: Base): URL {
  const url = URL.parse(`${secure ? "https" : "http"}://${urlHost(host)}:${port}${path}`);
  if (!url) throw new UmecError("ONVIF_ADDRESS", `${host}:${port}${path} is no address`);
  return url;
}

/** A host as it stands in a URL: IPv6 in brackets, without a zone. */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host.replace(/%.*/, "")}]` : host;
}

export interface Places {
  readonly base: URL;
  /** The URL that is asked for an address that the camera named. */
  of(address: string): URL;
  /** Uses that URL, and the configured port where the camera's own one does not answer. */
  use<T>(address: string, ask: (url: URL) => Promise<T>): Promise<T>;
}

export function createPlaces(base: URL): Places {
  const dead = new Set<string>();

  function of(address: string): URL {
    const given = URL.parse(address, base.href);
    if (!given || !/^https?:$/.test(given.protocol)) {
      throw new UmecError(
        "ONVIF_ADDRESS",
        `the camera names ${JSON.stringify(address.slice(0, 200))} as an address`,
      );
    }
    const sameHost = given.hostname === base.hostname && given.protocol === base.protocol;
    const url = new URL(base);
    if (sameHost && !dead.has(given.port)) url.port = given.port;
    url.pathname = given.pathname;
    url.search = given.search;
    return url;
  }

  return {
    base,
    of,
    async use(address, ask) {
      const url = of(address);
      try {
        return await ask(url);
      } catch (error) {
        if (url.port === base.port || !isUmecError(error, "ONVIF_UNREACHABLE")) throw error;
        dead.add(url.port);
        return ask(of(address));
      }
    },
  };
}
