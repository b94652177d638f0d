/** RFC 9457: what an API says of an error, for people. */
import { isRecord } from "./is-record.ts";

/** Longest text that is taken over; a longer one is cut. */
const longestText = 160;

export function isProblemType(contentType: string): boolean {
  return /^\s*application\/problem\+json\s*(?:;|$)/i.test(contentType);
}

/** `title: detail` of a problem document, on one line; `undefined` when it says neither. */
export function readProblem(body: Uint8Array): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
  if (!isRecord(document)) return undefined;
  const parts = [document.title, document.detail].filter((part) => typeof part === "string");
  const text = parts
    .map((part) => part.replaceAll(/[\s\p{Cc}]+/gu, " ").trim())
    .filter((part) => part !== "")
    .join(": ");
  if (text === "") return undefined;
  return text.length > longestText ? `${text.slice(0, longestText - 1)}…` : text;
}

/** A problem document of ours. */
export function problemDetails(status: number, title: string, detail?: string): string {
  return JSON.stringify({ status, title, ...(detail !== undefined && { detail }) });
}
