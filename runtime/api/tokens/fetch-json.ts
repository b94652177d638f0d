import { UmecError } from "../../errors.ts";

const mostBytes = 256 * 1024;
const timeoutMs = 5_000;

/**
 * A JSON document of an identity provider. By HTTPS alone, but on this machine's loopback; redirects are not followed, as
 * they would leave the provider that the target state names.
 *
 * @throws UmecError `API_ISSUER`, or what the network says
 */
export async function fetchJson(url: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  const { protocol, hostname } = new URL(url);
  const loopback = ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
  if (protocol !== "https:" && !(protocol === "http:" && loopback))
    throw new UmecError("API_ISSUER", `${url} is not https:`);
  const answer = await fetch(url, {
    headers: { accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  if (answer.status !== 200 || !answer.body) {
    await answer.body?.cancel();
    throw new UmecError("API_ISSUER", `${url} answers ${answer.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body) {
    bytes += chunk.byteLength;
    if (bytes > mostBytes) throw new UmecError("API_ISSUER", `${url} has more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString());
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new UmecError("API_ISSUER", `${url} is no JSON object`);
}
