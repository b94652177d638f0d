/** Longest string that is shown; a longer one is not cut but left out, so that no part of it is seen. */
const longestShown = 24;

/** What a JSON value is, in a few words for people: `the string "n/a"`, `an object with a, b`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") {
    const { length } = value;
    return length > longestShown ? `a string of ${length} characters` : `the string ${JSON.stringify(value)}`;
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object") return describeMembers(Object.keys(value));
  return `the ${typeof value} ${value}`;
}

/** The kind of a JSON value, in one word: what counts as a change of state. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function describeMembers(names: string[]): string {
  if (names.length === 0) return "an empty object";
  const shown = names.slice(0, 6).map((name) => (name.length > longestShown ? "(long)" : name));
  return `an object with ${shown.join(", ")}${names.length > 6 ? ", ..." : ""}`;
}
