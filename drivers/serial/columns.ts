/**
 * Splits a line into columns. A column in double quotes may hold the separator, and `""` in it is one quote (RFC 4180
 * section 2, rules 5 to 7); a quote that is never closed ends with the line.
 */
export function splitColumns(line: string, separator: string): string[] {
  const columns: string[] = [];
  let at = 0;
  for (;;) {
    const { column, end } = line[at] === '"' ? quoted(line, at + 1, separator) : plain(line, at, separator);
    columns.push(column);
    if (end >= line.length) return columns;
    at = end + separator.length;
  }
}

function plain(line: string, at: number, separator: string): { column: string; end: number } {
  const found = line.indexOf(separator, at);
  const end = found < 0 ? line.length : found;
  return { column: line.slice(at, end), end };
}

function quoted(line: string, begin: number, separator: string): { column: string; end: number } {
  let column = "";
  let at = begin;
  for (;;) {
    const quote = line.indexOf('"', at);
    if (quote < 0) return { column: column + line.slice(at), end: line.length };
    column += line.slice(at, quote);
    if (line[quote + 1] !== '"') return { column, end: plain(line, quote + 1, separator).end };
    column += '"';
    at = quote + 2;
  }
}
