/** Who may hear what: the subjects of all grants that have not ended, so that nothing is published to nobody. */

/** Points whose answer is remembered. */
const mostRemembered = 4096;
/** Grants of one application; beyond them the one that ends first is taken for the last one's. */
const mostGrants = 64;

interface Heard {
  patterns: readonly (readonly string[])[];
  endsMs: number;
}

export class Hearing {
  readonly #grants = new Map<string, Map<string, Heard>>();
  readonly #known = new Map<string, boolean>();
  /** When what is remembered may be wrong. */
  #staleMs = Number.POSITIVE_INFINITY;

  /** @param endsMs Unix time */
  add(app: string, subjects: readonly string[], endsMs: number): void {
    const grants = this.#grants.get(app) ?? new Map<string, Heard>();
    this.#grants.set(app, grants);
    const key = [...subjects].sort().join(" ");
    const ends = Math.max(endsMs, grants.get(key)?.endsMs ?? 0);
    grants.set(key, { patterns: subjects.map((subject) => subject.split(".")), endsMs: ends });
    if (grants.size > mostGrants) {
      const [first] = [...grants].sort(([, a], [, b]) => a.endsMs - b.endsMs);
      grants.delete(first![0]);
    }
    this.#forget();
  }

  remove(app: string): void {
    this.#grants.delete(app);
    this.#forget();
  }

  clear(): void {
    this.#grants.clear();
    this.#forget();
  }

  /** @param nowMs Unix time. @default now */
  isHeard(subject: string, nowMs = Date.now()): boolean {
    if (this.#grants.size === 0) return false;
    if (nowMs >= this.#staleMs) this.#expire(nowMs);
    let heard = this.#known.get(subject);
    if (heard === undefined) {
      const given = subject.split(".");
      heard = [...this.#grants.values()].some((grants) =>
        [...grants.values()].some(({ patterns }) => patterns.some((pattern) => fits(pattern, given))),
      );
      if (this.#known.size >= mostRemembered) this.#known.clear();
      this.#known.set(subject, heard);
    }
    return heard;
  }

  #expire(nowMs: number): void {
    for (const [app, grants] of this.#grants) {
      for (const [key, { endsMs }] of grants) if (endsMs <= nowMs) grants.delete(key);
      if (grants.size === 0) this.#grants.delete(app);
    }
    this.#forget();
  }

  #forget(): void {
    this.#known.clear();
    const ends = [...this.#grants.values()].flatMap((grants) =>
      [...grants.values()].map(({ endsMs }) => endsMs),
    );
    this.#staleMs = Math.min(Number.POSITIVE_INFINITY, ...ends);
  }
}

function fits(pattern: readonly string[], subject: readonly string[]): boolean {
  for (const [index, token] of pattern.entries()) {
    if (token === ">") return subject.length > index;
    if (index >= subject.length || (token !== "*" && token !== subject[index])) return false;
  }
  return pattern.length === subject.length;
}
