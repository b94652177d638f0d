/**
 * For tests: requests that nobody would send, made from the routes' own schemas: bodies that fit, bodies that nearly do,
 * and others; headers and queries likewise. The same seed makes the same requests.
 */
import type { ApiFamily, Route } from "../http/route.ts";
import { createRandom } from "../http/test-random.ts";

export interface FuzzOptions {
  url: string;
  families: readonly ApiFamily[];
  tokens: readonly string[];
  /** Values of parameters in paths, by name; others are made up. */
  ids: Readonly<Record<string, readonly string[]>>;
  requests: number;
  seed: number;
  /** Identifiers of what was created are used, too. */
  onAnswer(answer: { request: string; status: number; body: string }): void;
}

export async function fuzz({
  url,
  families,
  tokens,
  ids,
  requests,
  seed,
  onAnswer,
}: FuzzOptions): Promise<void> {
  const random = createRandom(seed);
  const made = new Maker(random);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const routes = families.flatMap(({ roots, routes }) =>
    roots.flatMap((root) => routes.map((route) => ({ root, route }))),
  );
  const learnt: string[] = [];

  function pathOf(root: string, route: Route): string {
    const path = route.path.replace(/\{([^}]*)\}/g, (_all, name: string) => {
      const known = [...(ids[name] ?? []), ...(name === "appInstanceId" ? [] : learnt)];
      return encodeURIComponent(
        known.length > 0 && random() < 0.9 ? pick(known) : made.text().slice(0, 40).toWellFormed() || "x",
      );
    });
    const query = new URLSearchParams();
    for (const name of Object.keys(route.query?.properties ?? {}))
      if (random() < 0.2)
        query.append(name, random() < 0.5 ? pick(["true", "ACTIVE", "MEC_HOST", "1"]) : made.text());
    if (random() < 0.02) query.append(made.text(), made.text());
    return root + path + (query.size > 0 ? `?${query}` : "");
  }

  for (let n = 0; n < requests; n++) {
    const { root, route } = pick(routes);
    const method = route.method.toUpperCase();
    const path = pathOf(root, route);
    const body = route.body ? made.body(route.body) : undefined;
    const headers: Record<string, string> = { authorization: `Bearer ${pick(tokens)}` };
    if (body !== undefined) headers["content-type"] = random() < 0.02 ? "text/plain" : "application/json";
    if (random() < 0.25) headers["if-match"] = pick(["*", '"x"', 'W/"x"', "nonsense", '"a", "b"']);
    const init = { method, headers, ...(body === undefined || method === "GET" ? {} : { body }) };
    const response = await fetch(url + path, init);
    const text = await response.text();
    const location = response.headers.get("location");
    if (location) learnt.push(decodeURIComponent(location.split("/").at(-1)!));
    if (learnt.length > 20) learnt.shift();
    onAnswer({ request: `${method} ${path} ${body ?? ""}`, status: response.status, body: text });
  }
}

type Schema = Readonly<Record<string, unknown>>;

/** Values for schemas. */
class Maker {
  readonly #random: () => number;
  /** How often a value is not what its schema says. */
  #oddness = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** JSON text, mostly. */
  body(schema: object): string {
    this.#oddness = this.#random() < 0.6 ? 0 : 0.05;
    const value = this.value(schema as Schema, 0);
    if (this.#random() < this.#oddness) return this.text();
    const text = JSON.stringify(value) ?? "null";
    return this.#random() < this.#oddness ? text.slice(0, Math.floor(this.#random() * text.length)) : text;
  }

  value(schema: Schema, depth: number): unknown {
    if (this.#random() < this.#oddness || depth > 8) return this.#odd();
    const {
      enum: values,
      anyOf,
      oneOf,
      type,
    } = schema as { enum?: unknown[]; anyOf?: Schema[]; oneOf?: Schema[] } & Schema;
    if (values) return this.#pick(values);
    if (anyOf) return this.value(this.#pick(anyOf), depth + 1);
    switch (type) {
      case "string":
        if (schema.format === "uri")
          return this.#pick(["http://127.0.0.1:9/", "https://[::1]:9/", this.text()]);
        return this.text();
      case "integer":
      case "number":
        if (this.#oddness === 0) return this.#within(schema);
        return this.#pick([0, 1, 60, 255, 65_536, 2 ** 32, 2 ** 53, -1, 1.5, Number(schema.minimum ?? 7)]);
      case "boolean":
        return this.#random() < 0.5;
      case "array":
        return Array.from({ length: this.#pick([0, 1, 1, 2, 40]) }, () =>
          this.value(schema.items as Schema, depth + 1),
        );
      case "object":
        return this.#object(schema, oneOf as Schema[] | undefined, depth);
      default:
        return this.#odd();
    }
  }

  text(): string {
    const letters = [
      "a",
      "b",
      "1",
      ".",
      "/",
      "*",
      ">",
      "%",
      "\u0000",
      "ä",
      "😀",
      "'",
      '"',
      "\\",
      " ",
      "\n",
      "__proto__",
      "\ud800",
    ];
    if (this.#oddness === 0 || this.#random() < 0.5)
      return this.#pick(["weather", "rest", "nats", "own", "d1", "constructor", "192.0.2.1"]);
    return Array.from({ length: this.#pick([1, 5, 30, 400]) }, () => this.#pick(letters)).join("");
  }

  #object(schema: Schema, oneOf: Schema[] | undefined, depth: number): object {
    const required = new Set([...((schema.required as string[]) ?? [])]);
    const only = oneOf && (this.#pick(oneOf).required as string[]);
    const entries: [string, unknown][] = [];
    for (const [key, inner] of Object.entries((schema.properties ?? {}) as Record<string, Schema>)) {
      const wanted = only
        ? only.includes(key)
        : required.has(key)
          ? this.#random() < 0.98
          : this.#random() < 0.3;
      if (wanted) entries.push([key, this.value(inner, depth + 1)]);
    }
    if (this.#random() < this.#oddness) entries.push([this.text(), this.#odd()]);
    return Object.fromEntries(entries);
  }

  #within({ minimum = 0, maximum = 2 ** 32 - 1 }: Schema): number {
    const [least, most] = [Number(minimum), Number(maximum)];
    return this.#pick([least, most, Math.min(least + 1, most), Math.floor((least + most) / 2)]);
  }

  #odd(): unknown {
    return this.#pick([
      null,
      0,
      "",
      [],
      {},
      true,
      -1e308,
      "x".repeat(5_000),
      { constructor: { prototype: 1 } },
      [[[[]]]],
    ]);
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }
}
