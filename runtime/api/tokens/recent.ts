/** What was found out about a token a moment ago. */
export interface Recent<T> {
  get(token: string): T | undefined;
  /** Keeps the time of what is there. */
  set(token: string, value: T): void;
}

const mostTokens = 512;

/** @param nowMs of a clock that never steps back */
export function createRecent<T>(nowMs: () => number, keepMs = 60_000): Recent<T> {
  const known = new Map<string, { value: T; atMs: number }>();
  return {
    get(token) {
      const found = known.get(token);
      if (!found) return undefined;
      if (nowMs() - found.atMs < keepMs) return found.value;
      known.delete(token);
      return undefined;
    },
    set(token, value) {
      if (known.has(token)) return;
      if (known.size >= mostTokens) known.delete(known.keys().next().value!);
      known.set(token, { value, atMs: nowMs() });
    },
  };
}
