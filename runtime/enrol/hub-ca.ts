import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { writeDurable } from "../durable-file.ts";
import { messageOf, UmecError } from "../errors.ts";

const mostBytes = 65_536;

/**
 * Writes the CAs that the hub names in place of those in `path`, if they are others.
 *
 * They come over the link, so from a hub that those in place vouch for. Whatever is no certificate of a CA is refused:
 * nats-server would not start with it, and the node would have no bus.
 *
 * @returns whether they are others; the link knows them once it is dialled anew
 * @throws UmecError `LINK_CA_INVALID`
 */
export async function takeHubCa(path: string, pem: unknown): Promise<boolean> {
  if (typeof pem !== "string" || pem.length > mostBytes) throw invalid("it is no text, or too long");
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) throw invalid("there is no certificate in it");
  try {
    if (!certificates.every((one) => new X509Certificate(one).ca))
      throw new Error("a certificate is of no CA");
  } catch (cause) {
    throw invalid(messageOf(cause), cause);
  }
  const text = `${certificates.join("\n")}\n`;
  if ((await readFile(path, "utf8").catch(() => "")) === text) return false;
  await writeDurable(path, text);
  return true;
}

function invalid(reason: string, cause?: unknown): UmecError {
  return new UmecError("LINK_CA_INVALID", `the hub names a CA that can't be used: ${reason}`, {
    cause,
    hint: "the node keeps what it has; look at ca.pem at the hub",
  });
}
