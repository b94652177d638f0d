import type { Host } from "../../runtime/plugin/sdk.ts";
import { type Auth, type Credentials, credentialsFor } from "./auth.ts";
import type { TokenSource } from "./oauth.ts";

/** The credentials of all requests of a plugin: those with the same OAuth client share its token. */
export interface Keys {
  /** Rejects with `SECRET_MISSING`, `HTTP_SECRET_UNUSABLE` or `HTTP_TOKEN`. */
  credentialsFor(auth: Auth, signal: AbortSignal): Promise<Credentials>;
}

export function createKeys({ secrets, clock }: Pick<Host, "secrets" | "clock">): Keys {
  const sources = new Map<string, TokenSource>();
  return {
    async credentialsFor(auth, signal) {
      if (auth.kind !== "oauth2") return await credentialsFor(auth, secrets);
      // With a package that is loaded only where it is used.
      const { createTokenSource } = await import("./oauth.ts");
      const key = JSON.stringify(auth);
      const source = sources.get(key) ?? createTokenSource(auth, secrets, clock);
      sources.set(key, source);
      const { text, hidden } = await source.get(signal);
      return {
        headers: { authorization: `Bearer ${text}` },
        query: {},
        hidden,
        refuse: () => source.refuse(text),
      };
    },
  };
}

/**
 * Sends with credentials; when a token of OAuth was `refused`, once more with a new one. `send` is told all that it
 * needs to conceal.
 */
export async function authorized<T>(
  keys: Keys,
  auth: Auth,
  signal: AbortSignal,
  send: (credentials: Credentials) => Promise<T>,
  refused: (outcome: { answer: T } | { error: unknown }) => boolean,
): Promise<T> {
  const credentials = await keys.credentialsFor(auth, signal);
  const outcome = await send(credentials).then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error }),
  );
  if (credentials.refuse && refused(outcome)) {
    credentials.refuse();
    return await send(await keys.credentialsFor(auth, signal));
  }
  if ("error" in outcome) throw outcome.error;
  return outcome.answer;
}
