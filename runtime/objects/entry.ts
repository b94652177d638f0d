/** What lies beside an object's body in the spool: `<number>.json`. */

/** When it was kept: told by its sender or a clock that was known, or measured on the clock of a boot. */
export type EntryTime = { unixMs: number } | { boot: string; monotonicMs: number; guessMs: number };

export interface Entry {
  /** Order of keeping; also the name of its files. */
  readonly number: number;
  /** The name of its chunks at the hub: what was sent under it is gone on with. */
  nuid: string;
  readonly plugin: string;
  /** Below the plugin. */
  readonly name: string;
  readonly contentType: string;
  readonly size: number;
  /** SHA-256 of the body, hexadecimal. */
  readonly sha256: string;
  readonly time: EntryTime;
}

export function formatEntry({ number: _, ...entry }: Entry): string {
  return `${JSON.stringify({ version: 1, ...entry })}\n`;
}

/** @throws when it is none, or of a later version. */
export function parseEntry(number: number, text: string): Entry {
  const { version, nuid, plugin, name, contentType, size, sha256, time } = JSON.parse(text);
  const texts = [nuid, plugin, name, contentType];
  if (version !== 1) throw new Error(`version ${JSON.stringify(version)}`);
  if (!texts.every((value) => typeof value === "string") || !/^[A-Za-z0-9]{1,64}$/.test(nuid))
    throw new Error("a text is missing");
  if (!Number.isSafeInteger(size) || size < 0 || !/^[0-9a-f]{64}$/.test(sha256))
    throw new Error("size or digest is missing");
  if (!Number.isFinite(time?.unixMs) && !Number.isFinite(time?.monotonicMs))
    throw new Error("the time is missing");
  return { number, nuid, plugin, name, contentType, size, sha256, time };
}
