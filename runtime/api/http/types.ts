import type { Log } from "../../log.ts";
import type { Principal } from "../types.ts";
import type { ApiFamily } from "./route.ts";

export interface ApiServerOptions {
  host: string;
  /** 0: any. */
  port: number;
  /** PEM texts. Absent: in the clear, for tests on loopback. */
  tls?: { key: string; cert: string; clientCa?: string };
  families: readonly ApiFamily[];
  /** Who asks, by the header `authorization` or the client's certificate. Throws a `Problem` with 401 for a bad one. */
  authenticate(request: {
    headers: Headers;
    certificateName: string | undefined;
  }): Promise<Principal | undefined>;
  limits?: ApiLimits;
  log: Log;
}

/** What a client can cost. */
export interface ApiLimits {
  /** Of each principal, or of each address without one. @default 50 */
  requestsPerS?: number;
  /** @default 256 KiB */
  bodyBytes?: number;
  /** In all. @default 1280 */
  connections?: number;
  /** On which nobody has shown yet who asks; of one address half as many. @default 128 */
  strangers?: number;
  /** Of each principal. @default 96 */
  connectionsOfOne?: number;
  /** For the whole request to arrive. @default 10_000 */
  requestMs?: number;
}

export interface ApiServer {
  /** Such as `https://127.0.0.1:8443`. */
  readonly url: string;
  /** New certificates for new connections. */
  setTls(tls: NonNullable<ApiServerOptions["tls"]>): void;
  /** Answers what is under way, within 2 s, and ends streams. */
  stop(): Promise<void>;
}
