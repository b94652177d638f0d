import { styleText } from "node:util";

export type Style = "none" | "bold" | "dim" | "green" | "red" | "yellow" | "cyan";
/** Text in one style. */
export type Piece = string | readonly [style: Style, text: string];
export type Line = readonly Piece[];

export interface Paint {
  color: boolean;
  /** Longer lines are cut off. @default no limit */
  width?: number;
}

/** The lines as a terminal takes them, without trailing spaces. */
export function paint(lines: readonly Line[], { color, width = Number.POSITIVE_INFINITY }: Paint): string[] {
  return lines.map((line) => {
    let left = width;
    let painted = "";
    for (const [index, piece] of line.entries()) {
      const [style, text] = typeof piece === "string" ? ["none" as const, piece] : piece;
      const shown = index === line.length - 1 ? text.trimEnd() : text;
      const fits =
        shown.length <= left ? shown : `${shown.slice(0, Math.max(0, left - 1))}${left > 0 ? "…" : ""}`;
      left -= fits.length;
      painted += color && style !== "none" && fits ? styleText(style, fits, { validateStream: false }) : fits;
    }
    return painted;
  });
}
