import { createHmac } from "node:crypto";

export interface PushOptions {
  /** Signs the body: `X-Hub-Signature-256`. */
  key?: string;
  /** Is shown: `Authorization: Bearer ...`. */
  token?: string;
  headers?: Record<string, string>;
}

/** Posts a document, or text as it is, to a webhook, as a station does that tells its observations by itself. */
export async function push(url: string, document: unknown, options: PushOptions = {}): Promise<Response> {
  const { key, token, headers = {} } = options;
  const body = typeof document === "string" ? document : JSON.stringify(document);
  return await fetch(url, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      ...(key !== undefined && { "x-hub-signature-256": signature(key, body) }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
  });
}

/** HMAC with SHA-256, as GitHub, WebSub and many others write it. */
export function signature(key: string, body: string): string {
  return `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
}
