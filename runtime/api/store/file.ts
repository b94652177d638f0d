import { createHash } from "node:crypto";
import { messageOf, UmecError } from "../../errors.ts";

/** A document of the store, as it lies in the file. */
export interface Entry {
  readonly kind: string;
  readonly id: string;
  readonly etag: string;
  /** Frozen through and through. */
  readonly value: unknown;
  /** What it counts for the quota. */
  readonly bytes: number;
}

const format = 1;

/** The whole file: a line that says what the next one is, and its SHA-256; then all entries in their order. */
export function fileText(entries: readonly Entry[]): string {
  const body = JSON.stringify(entries.map(({ kind, id, etag, value }) => [kind, id, etag, value]));
  return `${JSON.stringify({ umecApiStore: format, sha256: sha256(body) })}\n${body}\n`;
}

/** @throws UmecError `API_STORE_DAMAGED`, with the reason */
export function readFileText(text: string): Entry[] {
  const [head = "", body = ""] = text.split("\n");
  try {
    const { umecApiStore, sha256: expected } = JSON.parse(head) as Record<string, unknown>;
    if (umecApiStore !== format) throw new Error(`its format is ${umecApiStore}, not ${format}`);
    if (sha256(body) !== expected) throw new Error("its checksum does not fit");
    const rows = JSON.parse(body) as [string, string, string, unknown][];
    return rows.map(([kind, id, etag, value]) => makeEntry(kind, id, etag, JSON.stringify(value)));
  } catch (cause) {
    throw new UmecError("API_STORE_DAMAGED", messageOf(cause), { cause });
  }
}

export function makeEntry(kind: string, id: string, etag: string, json: string): Entry {
  // The key, the tag, quotes and commas are about a hundred.
  const bytes = Buffer.byteLength(json) + Buffer.byteLength(kind + id) + 100;
  return { kind, id, etag, value: freeze(JSON.parse(json)), bytes };
}

function freeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
