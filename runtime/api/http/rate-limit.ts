/**
 * Token buckets by name. Each holds two seconds' worth, so a page that asks for ten things at once is not refused.
 * The least recently used are forgotten when there are too many names: then they begin full again, which only a crowd
 * of that size can bring about.
 */
export interface RateLimit {
  /** Takes one; 0 when there was one, else the seconds until there is. */
  take(name: string): number;
  /** The same without taking. */
  wait(name: string): number;
}

const mostNames = 4096;

/** @param nowMs of a clock that never steps back */
export function createRateLimit(perS: number, nowMs: () => number = () => performance.now()): RateLimit {
  const burst = Math.max(1, perS * 2);
  const buckets = new Map<string, { left: number; atMs: number }>();

  function bucketOf(name: string): { left: number; atMs: number } {
    const now = nowMs();
    const found = buckets.get(name);
    if (!found) {
      if (buckets.size >= mostNames) buckets.delete(buckets.keys().next().value!);
      const made = { left: burst, atMs: now };
      buckets.set(name, made);
      return made;
    }
    buckets.delete(name);
    buckets.set(name, found);
    found.left = Math.min(burst, found.left + ((now - found.atMs) / 1000) * perS);
    found.atMs = now;
    return found;
  }

  const waitFor = ({ left }: { left: number }): number => (left >= 1 ? 0 : (1 - left) / perS);
  return {
    take(name) {
      const bucket = bucketOf(name);
      const waitS = waitFor(bucket);
      if (waitS === 0) bucket.left -= 1;
      return waitS;
    },
    wait(name) {
      return buckets.has(name) ? waitFor(bucketOf(name)) : 0;
    },
  };
}

/** A client's name for limits: of IPv6 its network, as one has 2^64 addresses there. */
export function limitName(address: string | undefined): string {
  if (address === undefined) return "unknown";
  if (!address.includes(":")) return address;
  if (address.startsWith("::ffff:")) return address.slice(7);
  // `::` may stand for groups of the first half; then the name is longer than the network, and still one for each.
  return address.split("::")[0]!.split(":").slice(0, 4).join(":");
}
