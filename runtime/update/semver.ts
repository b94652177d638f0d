/** Versions as semver 2.0.0 has them. Section 11 says which of two comes later; build metadata does not count. */

const syntax =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;

export function isSemver(version: string): boolean {
  return version.length <= 256 && syntax.test(version);
}

/** Below 0 when `a` comes before `b`, above when after; `undefined` when one of them is no version. */
export function compareSemver(a: string, b: string): number | undefined {
  if (!isSemver(a) || !isSemver(b)) return undefined;
  const [, ...x] = syntax.exec(a) ?? [];
  const [, ...y] = syntax.exec(b) ?? [];
  for (const part of [0, 1, 2]) {
    const order = compareNumbers(x[part] ?? "", y[part] ?? "");
    if (order !== 0) return order;
  }
  // A version without a pre-release comes after all those with one.
  if (x[3] === undefined || y[3] === undefined)
    return Number(x[3] === undefined) - Number(y[3] === undefined);
  return comparePreReleases(x[3].split("."), y[3].split("."));
}

function comparePreReleases(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x = "", y = ""] = [a[i], b[i]];
    const numbers = [/^\d+$/.test(x), /^\d+$/.test(y)];
    const order = numbers.every(Boolean)
      ? compareNumbers(x, y)
      : numbers.some(Boolean)
        ? Number(numbers[1]) - Number(numbers[0])
        : Number(x > y) - Number(x < y);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Of any length, without leading zeros. */
function compareNumbers(a: string, b: string): number {
  return a.length - b.length || Number(a > b) - Number(a < b);
}
