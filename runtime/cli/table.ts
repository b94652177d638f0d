export interface Column {
  title: string;
  /** @default "left" */
  align?: "left" | "right";
}

/** Lines of columns that are as wide as their widest cell, two spaces apart. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, i) => Math.max(...[titles, ...rows].map((row) => row[i]?.length ?? 0)));
  return [titles, ...rows].map((row) =>
    columns
      .map(({ align }, i) => {
        const [cell = "", width = 0] = [row[i], widths[i]];
        return align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

/** `label  text` lines with the texts below each other. */
export function formatFacts(facts: readonly (readonly [label: string, text: string])[]): string[] {
  const width = Math.max(...facts.map(([label]) => label.length));
  return facts.map(([label, text]) => `${label.padEnd(width)}  ${text}`);
}
