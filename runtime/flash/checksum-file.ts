export interface Checksums {
  /** SHA-256 of the file with this name (without a folder), in lower-case hexadecimal digits. */
  of(name: string): string | undefined;
}

/**
 * What a file of checksums says, as `sha256sum` writes it: lines of 64 digits, two characters and a name; or the digits
 * alone, which are those of `owner`. `undefined` when there is no such line at all.
 */
export function parseChecksums(text: string, owner: string): Checksums | undefined {
  const sums = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, digits, name] = /^\\?([0-9a-fA-F]{64})(?: [ *](.+))?\s*$/.exec(line) ?? [];
    if (digits === undefined) continue;
    const file = name === undefined ? owner : name.replace(/.*\//, "").trimEnd();
    sums.set(file, digits.toLowerCase());
  }
  return sums.size === 0 ? undefined : { of: (name) => sums.get(name) };
}
