/** Names of things and points in URLs. */
import { createHash } from "node:crypto";
import { pathToTokens, tokensToPath } from "../../subjects.ts";

/**
 * A point as one segment of a path, as the bus writes it: `station/temperature` → `station.temperature`. No point has
 * a `.` in its name, so nothing has to be escaped, and nothing can be mixed up.
 */
export function pointSegment(point: string): string {
  return pathToTokens(point);
}

/** The point behind a segment; `station%2Ftemperature`, which was decoded before, is understood, too. */
export function pointOfSegment(segment: string): string {
  return tokensToPath(segment);
}

/** The thing's identifier: a UUID of version 8 (RFC 9562 section 5.8) that goes with the two names. */
export function thingId(node: string, plugin: string): string {
  const hash = createHash("sha256").update(`umec thing ${node}/${plugin}`).digest("hex");
  const variant = (Number.parseInt(hash[16]!, 16) & 3) | 8;
  const parts = [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `${variant.toString(16)}${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ];
  return `urn:uuid:${parts.join("-")}`;
}
