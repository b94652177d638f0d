/**
 * Who asks for a token: an application's name and its secret, by the header or in the form (RFC 6749 section 2.3.1).
 *
 * Secrets are compared by their SHA-256 and in constant time; of a name that is not known the same work is done. After ten
 * wrong ones for an application there is one attempt each 6 s, also for itself: nothing else could tell it from who guesses.
 * Its tokens stay good meanwhile.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { ApiRequest } from "../http/route.ts";
import type { AppTarget } from "../types.ts";

export type ClientAnswer =
  | { app: AppTarget }
  /** RFC 6749 section 5.2. */
  | {
      error: "invalid_request" | "invalid_client";
      description: string;
      basic?: boolean;
      retryAfterS?: number;
    };

export interface Clients {
  identify(request: Pick<ApiRequest, "headers">, form: Readonly<Record<string, unknown>>): ClientAnswer;
}

const attempts = 10;
const attemptMs = 6_000;

/** @param nowMs of a clock that never steps back */
export function createClients(apps: () => readonly AppTarget[], nowMs: () => number): Clients {
  /** By the application's name, so there are no more of them than applications. */
  const failures = new Map<string, { count: number; atMs: number }>();

  function failuresOf(name: string): { count: number; atMs: number } {
    const now = nowMs();
    const found = failures.get(name) ?? { count: 0, atMs: now };
    const count = Math.max(0, found.count - (now - found.atMs) / attemptMs);
    return { count, atMs: now };
  }

  return {
    identify({ headers }, form) {
      const header = headers.get("authorization");
      const basic = header === null ? undefined : parseBasic(header);
      if (header !== null && basic === undefined)
        return {
          error: "invalid_client",
          description: "authorization is not Basic name:secret",
          basic: true,
        };
      if (basic && form.client_secret !== undefined)
        return { error: "invalid_request", description: "the secret is given twice" };
      const { id, secret } = basic ?? { id: form.client_id, secret: form.client_secret };
      if (typeof id !== "string" || typeof secret !== "string")
        return {
          error: "invalid_client",
          description: "client_id and client_secret are missing",
          basic: true,
        };
      const app = apps().find(({ name }) => name === id);
      const before = app && failuresOf(app.name);
      if (before && before.count > attempts - 1) {
        const retryAfterS = Math.ceil(((before.count - attempts + 1) * attemptMs) / 1000);
        return { error: "invalid_client", description: "too many wrong secrets", retryAfterS };
      }
      if (fits(secret, app?.secretSha256)) return { app: app! };
      if (app && before) failures.set(app.name, { ...before, count: before.count + 1 });
      return {
        error: "invalid_client",
        description: "the name or the secret is wrong",
        ...(basic && { basic: true }),
      };
    },
  };
}

function fits(secret: string, sha256: string | undefined): boolean {
  const given = createHash("sha256").update(secret).digest();
  const wanted = Buffer.from(sha256 ?? "", "hex");
  const same = timingSafeEqual(given, wanted.length === given.length ? wanted : Buffer.alloc(given.length));
  return same && wanted.length === given.length;
}

/** Name and secret are encoded as in a form before they are joined. */
function parseBasic(header: string): { id: string; secret: string } | undefined {
  const encoded = /^basic +([\w+/=-]+)$/i.exec(header)?.[1];
  const text = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  if (colon === -1) return undefined;
  try {
    return { id: formDecoded(text.slice(0, colon)), secret: formDecoded(text.slice(colon + 1)) };
  } catch {
    return undefined;
  }
}

function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}
