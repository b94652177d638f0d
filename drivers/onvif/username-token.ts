import { createHash, randomBytes } from "node:crypto";
import type { Login } from "./camera-http.ts";
import { escapeXml } from "./xml.ts";

const wss = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";

/**
 * The SOAP header of WS-Security UsernameToken Profile 1.1.1, section 3.1: the password as a digest of itself, a nonce
 * and the time.
 *
 * @param createdMs Unix time in milliseconds by the camera's own clock: it refuses what is some seconds off
 * @param nonce 16 random bytes, for tests
 */
export function usernameToken({ user, password }: Login, createdMs: number, nonce = randomBytes(16)): string {
  const created = new Date(createdMs).toISOString();
  const digest = createHash("sha1").update(nonce).update(created).update(password).digest("base64");
  return (
    `<wsse:Security s:mustUnderstand="1" xmlns:wsse="${wss}-wssecurity-secext-1.0.xsd" ` +
    `xmlns:wsu="${wss}-wssecurity-utility-1.0.xsd"><wsse:UsernameToken>` +
    `<wsse:Username>${escapeXml(user)}</wsse:Username>` +
    `<wsse:Password Type="${wss}-username-token-profile-1.0#PasswordDigest">${digest}</wsse:Password>` +
    `<wsse:Nonce EncodingType="${wss}-soap-message-security-1.0#Base64Binary">${nonce.toString("base64")}</wsse:Nonce>` +
    `<wsu:Created>${created}</wsu:Created></wsse:UsernameToken></wsse:Security>`
  );
}
