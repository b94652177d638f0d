/** What a bench says in the end. */
export interface Report {
  tables: readonly { title: string; rows: readonly TableRow[] }[];
  goals: readonly Goal[];
  /** Reasons, and what the figures do not tell. */
  notes?: readonly string[];
}

export type TableRow = Readonly<Record<string, string | number>>;

export interface Goal {
  goal: string;
  measured: string;
  met: boolean;
}

/** Columns in the order of the first row's keys; numbers to the right. */
export function formatTable(rows: readonly TableRow[]): string {
  const titles = Object.keys(rows[0] ?? {});
  const shown = rows.map((row) => titles.map((title) => format(row[title])));
  const widths = titles.map((title, i) => Math.max(title.length, ...shown.map((cells) => cells[i]!.length)));
  const line = (cells: readonly string[], right: (i: number) => boolean): string =>
    `  ${cells.map((cell, i) => (right(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join("  ")}`.trimEnd();
  const isNumber = (i: number): boolean => rows.every((row) => typeof row[titles[i]!] !== "string");
  return [titles, ...shown].map((cells) => `${line(cells, isNumber)}\n`).join("");
}

export function formatGoals(goals: readonly Goal[]): string {
  return goals
    .map(({ goal, measured, met }) => `${met ? "met   " : "MISSED"}  ${goal}: ${measured}\n`)
    .join("");
}

function format(cell: string | number | undefined): string {
  if (typeof cell !== "number") return cell ?? "";
  return cell.toLocaleString("en", { maximumFractionDigits: cell >= 100 ? 0 : 2 });
}
