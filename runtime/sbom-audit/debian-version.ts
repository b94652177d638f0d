/**
 * Compares two versions of Debian packages, as deb-version(7) says: the epoch as a number, then what upstream calls
 * it, then Debian's revision. Both texts are taken apart in turn into what is no digit, where `~` sorts before the end
 * and letters before all else, and into numbers.
 *
 * @returns below, at or above 0 as `a` is older than, as old as or newer than `b`
 */
export function compareDebianVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  return (
    compareDigits(left.epoch, right.epoch) ||
    compareTexts(left.upstream, right.upstream) ||
    compareTexts(left.revision, right.revision)
  );
}

/** Without its epoch and Debian's revision: `3.46.1` of `1:3.46.1-7+deb13u1`. */
export function upstreamVersion(version: string): string {
  return partsOf(version).upstream;
}

function partsOf(version: string): { epoch: string; upstream: string; revision: string } {
  const colon = version.indexOf(":");
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: version.slice(0, Math.max(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
}

function compareTexts(a: string, b: string): number {
  const pieces = /(\D*)(\d*)/gy;
  const take = (text: string, at: number): [string, string] => {
    pieces.lastIndex = at;
    const [, other = "", digits = ""] = pieces.exec(text) ?? [];
    return [other, digits];
  };
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left, leftDigits] = take(a, i);
    const [right, rightDigits] = take(b, j);
    const order = compareLetters(left, right) || compareDigits(leftDigits, rightDigits);
    if (order !== 0) return order;
    i += left.length + leftDigits.length;
    j += right.length + rightDigits.length;
  }
  return 0;
}

function compareLetters(a: string, b: string): number {
  for (let n = 0; n < Math.max(a.length, b.length); n++) {
    const order = rank(a[n]) - rank(b[n]);
    if (order !== 0) return order;
  }
  return 0;
}

/** `undefined`: the end. */
function rank(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === "~") return -1;
  return character.charCodeAt(0) + (/[A-Za-z]/.test(character) ? 0 : 256);
}

/** Of any length, as dates with a time in them are. */
function compareDigits(a: string, b: string): number {
  const [left, right] = [a, b].map((digits) => digits.replace(/^0+/, "")) as [string, string];
  if (left.length !== right.length) return left.length - right.length;
  return left === right ? 0 : left < right ? -1 : 1;
}
