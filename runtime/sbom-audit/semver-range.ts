/**
 * Whether a version is in a range, for what npm's advisories and Node.js' list of its own say: `<1.2.3`,
 * `>=1.0.0 <1.4.2 || 2.x`, `^22.13.1`, `~1.2`, `1.2 - 1.4`. Releases before a version (`2.0.0-rc.1`) are older than it
 * and nothing more: who looks for what is vulnerable must not leave them out.
 */
export interface Bound {
  readonly op: "<" | "<=" | ">" | ">=";
  readonly version: Version;
}

/** Major, minor, patch, and what stands behind `-`, in parts. */
export interface Version {
  readonly numbers: readonly [number, number, number];
  readonly before: readonly string[];
}

/** All bounds of one of them must hold; none: any version. */
export type Range = readonly (readonly Bound[])[];

const number = "(?:0|[1-9]\\d*)";
const versionSyntax = new RegExp(
  `^[v=\\s]*(${number}|[xX*])?(?:\\.(${number}|[xX*]))?(?:\\.(${number}|[xX*]))?(?:-([0-9A-Za-z.-]+))?(?:\\+[0-9A-Za-z.-]+)?$`,
);

export function compareSemver(a: Version, b: Version): number {
  for (const n of [0, 1, 2] as const) {
    if (a.numbers[n] !== b.numbers[n]) return a.numbers[n] - b.numbers[n];
  }
  if (a.before.length === 0 || b.before.length === 0)
    return Math.sign(b.before.length) - Math.sign(a.before.length);
  for (let n = 0; n < Math.max(a.before.length, b.before.length); n++) {
    const order = compareIdentifiers(a.before[n], b.before[n]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareIdentifiers(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  const [isNumber, otherIsNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && otherIsNumber) return Number(a) - Number(b);
  if (isNumber !== otherIsNumber) return isNumber ? -1 : 1;
  return a < b ? -1 : 1;
}

/** A whole version; `undefined` when it is none. */
export function parseSemver(text: string): Version | undefined {
  const partial = parsePartial(text);
  return partial?.length === 3 ? { numbers: partial.numbers, before: partial.before } : undefined;
}

interface Partial3 extends Version {
  /** How many numbers it says; the others are 0. */
  readonly length: number;
}

function parsePartial(text: string): Partial3 | undefined {
  const match = versionSyntax.exec(text.trim());
  if (!match) return undefined;
  const said = match.slice(1, 4);
  const first = said.findIndex((part) => part === undefined || /^[xX*]$/.test(part));
  const length = first < 0 ? 3 : first;
  const [major = 0, minor = 0, patch = 0] = said.slice(0, length).map(Number);
  const before = length === 3 && match[4] !== undefined ? match[4].split(".") : [];
  return { numbers: [major, minor, patch], before, length };
}

/** `undefined` when it can't be read: then nobody knows what it means. */
export function parseRange(text: string): Range | undefined {
  const ranges = text.split("||").map(parseBounds);
  return ranges.every((bounds) => bounds !== undefined) ? ranges : undefined;
}

function parseBounds(text: string): Bound[] | undefined {
  const hyphen = /^\s*(\S+)\s+-\s+(\S+)\s*$/.exec(text);
  const words = hyphen
    ? [`>=${hyphen[1]}`, `<=${hyphen[2]}`]
    : text.replace(/([<>=~^]+)\s+/g, "$1").split(/[\s,]+/);
  const bounds: Bound[] = [];
  for (const word of words) {
    if (word === "") continue;
    const [, op = "", rest = ""] = /^(\^|~>?|[<>]=?|=)?(.*)$/.exec(word) ?? [];
    const version = parsePartial(rest);
    if (!version) return undefined;
    bounds.push(...boundsOf(op, version));
  }
  return bounds;
}

function boundsOf(op: string, version: Partial3): Bound[] {
  const from: Bound = { op: ">=", version: version.length === 3 ? version : first(version.numbers) };
  const below = (at: number): Bound => ({ op: "<", version: next(version, at) });
  const { length, numbers } = version;
  if (length === 0) return op === "<" || op === ">" ? [{ op: "<", version: first([0, 0, 0]) }] : [];
  switch (op) {
    case "^": {
      const fixed = numbers.findIndex((value) => value > 0);
      return [from, below(fixed < 0 || fixed >= length ? length - 1 : fixed)];
    }
    case "~":
    case "~>":
      return [from, below(Math.min(1, length - 1))];
    case ">=":
      return [from];
    case "<":
      return [{ ...from, op }];
    case ">":
      return length === 3 ? [{ op, version }] : [{ op: ">=", version: next(version, length - 1) }];
    case "<=":
      return length === 3 ? [{ op, version }] : [below(length - 1)];
    default:
      return length === 3 ? [from, { op: "<=", version }] : [from, below(length - 1)];
  }
}

/** The least version with these numbers. */
function first(numbers: readonly [number, number, number]): Version {
  return { numbers, before: ["0"] };
}

/** The least version in which the number at `at` is one higher. */
function next({ numbers }: Version, at: number): Version {
  const [major, minor, patch] = numbers.map((value, n) => (n < at ? value : n === at ? value + 1 : 0));
  return first([major!, minor!, patch!]);
}

/** The bounds that a version is within, if it is in the range. */
export function within(version: Version, range: Range): readonly Bound[] | undefined {
  return range.find((bounds) => bounds.every((bound) => holds(version, bound)));
}

function holds(version: Version, { op, version: bound }: Bound): boolean {
  const order = compareSemver(version, bound);
  if (op === "<") return order < 0;
  if (op === "<=") return order <= 0;
  return op === ">" ? order > 0 : order >= 0;
}

export function formatSemver({ numbers, before }: Version): string {
  const isFirst = before.length === 1 && before[0] === "0";
  return `${numbers.join(".")}${before.length === 0 || isFirst ? "" : `-${before.join(".")}`}`;
}
