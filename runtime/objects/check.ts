import { UmecError } from "../errors.ts";
import type { StoredObject } from "../plugin/contract.ts";

export const maxObjectBytes = 16 * 2 ** 20;
const longestName = 200;
/** As a sample's name, and the file's endings: `camera/still/20261124T102030Z.jpg`. */
const nameSyntax = /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\/[A-Za-z0-9][A-Za-z0-9_-]*)*(?:\.[A-Za-z0-9]{1,10}){0,2}$/;
/** RFC 9110 section 8.3.1: type, subtype and parameters. */
const token = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
const typeSyntax = new RegExp(
  `^${token}/${token}(?:; ?${token}=(?:${token}|"[^"\\\\\\x00-\\x1f\\x7f-\\uffff]*"))*$`,
);
const longestType = 128;

/** @throws UmecError `OBJECT_INVALID` for what can't be kept; the text names the value. */
export function checkObject({ name, contentType, body, timeMs }: StoredObject): void {
  if (typeof name !== "string" || name.length > longestName || !nameSyntax.test(name)) {
    throw invalid(`${shown(name)} is no name of an object`, {
      hint: "segments of A-Z a-z 0-9 - _ with / between, and an ending such as .jpg",
    });
  }
  if (typeof contentType !== "string" || contentType.length > longestType || !typeSyntax.test(contentType)) {
    throw invalid(`${name}: ${shown(contentType)} is no content type`, { hint: "such as image/jpeg" });
  }
  if (!(body instanceof Uint8Array)) throw invalid(`${name}: its body is no Uint8Array`);
  if (body.length > maxObjectBytes)
    throw invalid(`${name}: ${body.length} bytes, ${maxObjectBytes} are allowed`);
  if (timeMs !== undefined && !(timeMs >= 0 && timeMs < 2 ** 43))
    throw invalid(`${name}: its time ${timeMs} is no Unix time in milliseconds`);
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 250) ?? String(value);
}

function invalid(message: string, options: { hint?: string } = {}): UmecError {
  return new UmecError("OBJECT_INVALID", message, options);
}
