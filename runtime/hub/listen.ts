import { isIPv4, isIPv6 } from "node:net";
import { UmecError } from "../errors.ts";

export interface ListenAddress {
  /** As in a URL: an IPv6 address has its brackets. */
  host: string;
  /** 0 is any free one. */
  port: number;
}

/** Takes `host:port` or `[IPv6]:port` apart. @throws UmecError `HUB_LISTEN`. */
export function parseListen(text: string): ListenAddress {
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]/\s]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new UmecError("HUB_LISTEN", `${JSON.stringify(text)} is no address to listen on`, {
      hint: "write host:port, such as 127.0.0.1:7422",
    });
  }
  return { host, port: Number(port) };
}

/** Whether only this machine can reach the address; a name counts as open, as it may resolve to anything. */
export function isLoopback({ host }: ListenAddress): boolean {
  const bare = bareHost(host);
  return (isIPv4(bare) && bare.startsWith("127.")) || bare === "::1" || bare === "localhost";
}

/** Where this machine reaches a server that listens at `address`. */
export function dialHost({ host }: ListenAddress): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return isIPv6(bareHost(host)) && /^[:0]*$/.test(bareHost(host)) ? "[::1]" : host;
}

function bareHost(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}
