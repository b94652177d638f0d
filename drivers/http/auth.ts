/**
 * Credentials, made anew for each request so that a rotated secret counts at once.
 *
 * No secret leaves this module but in what is sent: a secret that can't be sent is refused here by its name,
 * because the complaint of `fetch` would show its text. What an API echoes is hidden with {@link conceal}.
 */
import Type, { type Static } from "typebox";
import type { Secrets } from "../../runtime/plugin/sdk.ts";
import { HttpError } from "./http-error.ts";

const closed = { additionalProperties: false };

const secret = (description: string) =>
  Type.Object(
    { secret: Type.String({ minLength: 1, description: "Name of the secret." }) },
    { ...closed, description },
  );

/** A header's name: a token of RFC 9110 section 5.6.2. */
const headerName = (description: string) =>
  Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", description, examples: ["X-API-Key"] });

export const authSchema = Type.Union(
  [
    Type.Object({ kind: Type.Literal("none") }, { ...closed, description: "No credentials." }),
    Type.Object(
      {
        kind: Type.Literal("basic"),
        username: Type.String({ pattern: "^[^:]*$", description: "User; no colon (RFC 7617 section 2)." }),
        password: secret("The user's password."),
      },
      { ...closed, description: "User and password (RFC 7617)." },
    ),
    Type.Object(
      { kind: Type.Literal("bearer"), token: secret("The token.") },
      { ...closed, description: "A bearer token (RFC 6750 section 2.1)." },
    ),
    Type.Object(
      { kind: Type.Literal("header"), name: headerName("Name of the header."), value: secret("Its value.") },
      { ...closed, description: "A header of the API's own, such as an API key." },
    ),
    Type.Object(
      {
        kind: Type.Literal("query"),
        name: Type.String({ minLength: 1, description: "Name of the parameter.", examples: ["appid"] }),
        value: secret("Its value."),
      },
      { ...closed, description: "A parameter of the URL, where an API knows nothing better." },
    ),
    Type.Object(
      {
        kind: Type.Literal("oauth2"),
        tokenUrl: Type.String({
          pattern: "^https?://",
          maxLength: 2_048,
          description: "The token endpoint; https, or http on loopback.",
          examples: ["https://login.example.org/oauth2/token"],
        }),
        clientId: Type.String({ minLength: 1, description: "The client's identifier." }),
        clientSecret: secret("The client's secret."),
        clientAuth: Type.Optional(
          Type.Union([Type.Literal("basic"), Type.Literal("post")], {
            default: "basic",
            description:
              "Whether identifier and secret go in a header or in the body (RFC 6749 section 2.3.1).",
          }),
        ),
        scope: Type.Optional(
          Type.String({ minLength: 1, description: "What is asked for, with blanks between." }),
        ),
        parameters: Type.Optional(
          Type.Record(Type.String({ minLength: 1 }), Type.String(), {
            default: {},
            description: "What a server wants besides, such as `audience`.",
          }),
        ),
      },
      { ...closed, description: "OAuth 2.0 client credentials (RFC 6749 section 4.4)." },
    ),
  ],
  { default: { kind: "none" }, description: "How the API knows us." },
);

export type Auth = Static<typeof authSchema>;

export interface Credentials {
  headers: Record<string, string>;
  /** Parameters that are added to the URL. */
  query: Record<string, string>;
  /** Every text that must never be seen. */
  hidden: string[];
  /** The API refuses these, and new ones can be had. */
  refuse?: () => void;
}

/** Fetches the secrets and forms what is sent. Rejects with `SECRET_MISSING` or `HTTP_SECRET_UNUSABLE`. */
export async function credentialsFor(
  auth: Exclude<Auth, { kind: "oauth2" }>,
  secrets: Secrets,
): Promise<Credentials> {
  switch (auth.kind) {
    case "none":
      return { headers: {}, query: {}, hidden: [] };
    case "basic": {
      const password = await secrets.get(auth.password.secret);
      const encoded = Buffer.from(`${auth.username}:${password}`, "utf8").toString("base64");
      return { headers: { authorization: `Basic ${encoded}` }, query: {}, hidden: [password, encoded] };
    }
    case "bearer": {
      const token = await sendable(auth.token.secret, secrets);
      return { headers: { authorization: `Bearer ${token}` }, query: {}, hidden: [token] };
    }
    case "header": {
      const value = await sendable(auth.value.secret, secrets);
      return { headers: { [auth.name.toLowerCase()]: value }, query: {}, hidden: [value] };
    }
    case "query": {
      const value = await secrets.get(auth.value.secret);
      return { headers: {}, query: { [auth.name]: value }, hidden: [value, encodeURIComponent(value)] };
    }
  }
}

/** `text` without the hidden parts, also where they stand escaped as in JSON. */
export function conceal(text: string, { hidden }: Pick<Credentials, "hidden">): string {
  let shown = text;
  for (const secret of hidden.filter((part) => part !== "")) {
    shown = shown.replaceAll(secret, "(hidden)").replaceAll(JSON.stringify(secret).slice(1, -1), "(hidden)");
  }
  return shown;
}

/** A header's value: visible ASCII and inner blanks (RFC 9110 section 5.5). */
async function sendable(name: string, secrets: Secrets): Promise<string> {
  const value = await secrets.get(name);
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) return value;
  const reason = value === "" ? "is empty" : "has characters that no header can carry";
  throw new HttpError("HTTP_SECRET_UNUSABLE", `the secret ${name} ${reason}`, {
    hint: "store it as one line of ASCII, without a line break at its end",
  });
}
