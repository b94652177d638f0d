/** A text file of `name=value` lines, as U-Boot's `env import -t` reads it; `#` begins a comment line. */
export function parseEnvText(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    if (equals > 0 && !line.startsWith("#")) variables.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return variables;
}
