/**
 * How a webhook knows its sender. Secrets are compared in constant time, by digests of one length, so that the time of
 * an answer tells nothing about them.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import Type, { type Static } from "typebox";
import type { Secrets } from "../../runtime/plugin/sdk.ts";

const closed = { additionalProperties: false };

const secret = (description: string) =>
  Type.Object(
    { secret: Type.String({ minLength: 1, description: "Name of the secret." }) },
    { ...closed, description },
  );

const usualHeader = "X-Hub-Signature-256";

export const webhookAuthSchema = Type.Union(
  [
    Type.Object(
      { kind: Type.Literal("bearer"), token: secret("The token.") },
      {
        ...closed,
        description: "The sender shows a token: `Authorization: Bearer ...` (RFC 6750 section 2.1).",
      },
    ),
    Type.Object(
      {
        kind: Type.Literal("hmac-sha256"),
        key: secret("The key that both sides have."),
        header: Type.Optional(
          Type.String({
            pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
            default: usualHeader,
            description: "Header with the signature in hexadecimal, `sha256=` in front of it or not.",
          }),
        ),
      },
      { ...closed, description: "The sender signs the body (HMAC of RFC 2104 with SHA-256)." },
    ),
    Type.Object(
      { kind: Type.Literal("none") },
      { ...closed, description: "Anybody on this machine; only with a loopback address." },
    ),
  ],
  { description: "How the sender is known." },
);

export type WebhookAuth = Static<typeof webhookAuthSchema>;

/**
 * Whether the sender is who it must be. Without a `body` only what can be told before it is read: `true` where that
 * is nothing. Rejects with `SECRET_MISSING`.
 */
export async function isKnownSender(
  auth: WebhookAuth,
  secrets: Secrets,
  headers: IncomingHttpHeaders,
  body?: Uint8Array,
): Promise<boolean> {
  switch (auth.kind) {
    case "none":
      return true;
    case "bearer": {
      const given = /^bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
      const token = await secrets.get(auth.token.secret);
      return token !== "" && given !== undefined && isSame(given, token);
    }
    case "hmac-sha256": {
      const given = /^(?:sha256=)?([0-9a-f]{64})$/i.exec(
        String(headers[(auth.header ?? usualHeader).toLowerCase()] ?? ""),
      )?.[1];
      if (given === undefined) return false;
      if (!body) return true;
      const key = await secrets.get(auth.key.secret);
      const right = createHmac("sha256", key).update(body).digest("hex");
      return key !== "" && isSame(given.toLowerCase(), right);
    }
  }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(left!, right!);
}
