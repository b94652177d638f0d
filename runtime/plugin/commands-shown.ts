const secretKey = /pass(word|phrase|wd)?$|secret|token|api-?key|private/i;
const longest = 100;

/** A command's value or reply for the log: JSON on one line, short, without what is under a key such as `password`. */
export function shownValue(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const text = JSON.stringify(value, (key, inner) => (secretKey.test(key) ? "(hidden)" : inner)) ?? "";
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
