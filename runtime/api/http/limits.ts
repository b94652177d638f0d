import type { ApiLimits } from "./types.ts";

/** How long a client may leave what was sent to it untaken. */
export const stallMs = 20_000;
/** How long an idle connection is kept. */
export const keepAliveMs = 15_000;
/** How long `stop` lets what is under way go on. */
export const graceMs = 2_000;
/** A request line and its headers; RFC 9112 section 3 wants 8,000 octets of a line at least. */
export const headerBytes = 16 * 1024;
export const urlBytes = 8 * 1024;

/** The limits with their defaults. */
export function wholeLimits(limits: ApiLimits = {}): Required<ApiLimits> {
  const connections = { connections: 1280, strangers: 128, connectionsOfOne: 96 };
  return { requestsPerS: 50, bodyBytes: 256 * 1024, ...connections, requestMs: 10_000, ...limits };
}
