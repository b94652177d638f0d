/**
 * What the product takes: sizes of the slots, memory in use after boot, time from power to the first sample at the hub.
 *
 * `image/footprint.json` has the figures of the last release. Whoever measures one compares it with them; growth beyond
 * the tolerance, or beyond the limit that was promised, fails. The tolerance is 3 % unless a figure names another:
 * time depends on what else the measuring machine does. A figure that shrank is taken over with `--write`, so that
 * later growth is measured from there.
 *
 *     node image/footprint.ts sizes.json …      compare, print a table; exit code 1 if something grew
 *     node image/footprint.ts --write sizes.json …   take the figures over into footprint.json
 *
 * A file is a JSON object; its keys that are figures' names count, others are passed over.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UmecError } from "../runtime/errors.ts";

/** The figures by name: slots in bytes as they lie on the card, memory in 10^6 bytes, time in seconds. */
export const figureNames = ["rootSlotBytes", "kernelSlotBytes", "memoryMb", "bootToSampleS"] as const;

/** One of {@link figureNames}. */
export type FigureName = (typeof figureNames)[number];

/** Measured figures; those that were not measured are absent. */
export type Figures = Partial<Record<FigureName, number>>;

/** A figure in `footprint.json`. */
export interface Reference {
  /** As of the last release; absent before the first one. */
  released?: number;
  /** What it must never exceed. */
  limit?: number;
  /** Growth that is let pass, in percent. @default 3 */
  tolerancePercent?: number;
}

/** The content of `footprint.json`. */
export type Footprint = Partial<Record<FigureName, Reference>>;

/** One compared figure. */
export interface Comparison extends Reference {
  name: FigureName;
  current: number;
  /** Growth against the release, in percent; absent if there is no released figure. */
  growthPercent?: number;
  /** Why it fails; absent if it holds. */
  failure?: string;
}

/** A figure has grown too much, or a file does not hold figures. Codes `IMAGE_FOOTPRINT_GREW`, `IMAGE_FOOTPRINT_FILE`. */
export class FootprintError extends UmecError {}

/** Where the released figures are. */
export const footprintFile = join(import.meta.dirname, "footprint.json");

const usualTolerancePercent = 3;

/** Compares each measured figure with its reference, in the order of {@link figureNames}. */
export function compareFootprint(current: Figures, footprint: Footprint): Comparison[] {
  return figureNames.flatMap((name) => {
    const value = current[name];
    return value === undefined ? [] : [compare(name, value, footprint[name] ?? {})];
  });
}

function compare(name: FigureName, current: number, reference: Reference): Comparison {
  const { released, limit, tolerancePercent = usualTolerancePercent } = reference;
  const growthPercent = released === undefined ? undefined : ((current - released) / released) * 100;
  let failure: string | undefined;
  if (limit !== undefined && current > limit) {
    failure = `over the limit of ${format(limit)}`;
  } else if (growthPercent !== undefined && growthPercent > tolerancePercent) {
    failure = `grew by ${growthPercent.toFixed(1)} %, more than ${tolerancePercent} %`;
  }
  return {
    ...reference,
    name,
    current,
    ...(growthPercent === undefined ? {} : { growthPercent }),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** The comparison as a table for people, one line a figure below a head. */
export function footprintTable(comparisons: Comparison[]): string {
  const rows = comparisons.map(({ name, current, released, growthPercent, limit, failure }) => [
    name,
    format(current),
    released === undefined ? "-" : format(released),
    growthPercent === undefined ? "-" : `${growthPercent > 0 ? "+" : ""}${growthPercent.toFixed(1)} %`,
    limit === undefined ? "-" : format(limit),
    failure ?? "",
  ]);
  const table = [["figure", "now", "released", "growth", "limit", ""], ...rows];
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  return table
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 || column === row.length - 1
            ? cell.padEnd(widths[column] ?? 0)
            : cell.padStart(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Thousands are set apart by commas; what is no whole number has one decimal. */
function format(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 1 });
}

/** Compares `current` with the figures in `path`. */
export async function comparedFootprint(
  current: Figures,
  path: string = footprintFile,
): Promise<Comparison[]> {
  return compareFootprint(current, (await readObject(path)) as Footprint);
}

/**
 * Compares `current` with the figures in `path`, and gives the table to `print`.
 *
 * @throws {FootprintError} `IMAGE_FOOTPRINT_GREW` if a figure failed, after the table was printed.
 */
export async function checkFootprint(
  current: Figures,
  print: (table: string) => void,
  path: string = footprintFile,
): Promise<void> {
  const comparisons = await comparedFootprint(current, path);
  print(footprintTable(comparisons));
  const failed = comparisons.filter(({ failure }) => failure !== undefined);
  if (failed.length > 0) {
    throw new FootprintError(
      "IMAGE_FOOTPRINT_GREW",
      failed.map(({ name, failure }) => `${name}: ${failure}`).join("; "),
      {
        hint: "find what grew; if it is worth it: node image/footprint.ts --write <files>, and say why in the commit",
      },
    );
  }
}

/** Takes `current` over into `path` as the released figures; limits and tolerances stay. The file is replaced whole. */
export async function writeFootprint(current: Figures, path: string = footprintFile): Promise<void> {
  const footprint = (await readObject(path)) as Footprint;
  for (const name of figureNames) {
    const released = current[name];
    if (released !== undefined) {
      footprint[name] = { ...footprint[name], released };
    }
  }
  await writeFile(`${path}.new`, `${JSON.stringify(footprint, undefined, 2)}\n`);
  await rename(`${path}.new`, path);
}

/** The figures in the JSON object that the file `path` holds. */
export async function readFigures(path: string): Promise<Figures> {
  const object = await readObject(path);
  return Object.fromEntries(
    figureNames.flatMap((name) => (typeof object[name] === "number" ? [[name, object[name]]] : [])),
  );
}

async function readObject(path: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
    throw new SyntaxError("it is not a JSON object");
  } catch (cause) {
    throw new FootprintError("IMAGE_FOOTPRINT_FILE", `${path} can't be read: ${messageOf(cause)}`, {
      cause,
      hint: "the build writes sizes.json; footprint.json is in the repository",
    });
  }
}

if (import.meta.main) {
  const write = process.argv[2] === "--write";
  const files = process.argv.slice(write ? 3 : 2);
  if (files.length === 0) {
    process.stderr.write("usage: node image/footprint.ts [--write] <file.json>…\n");
    process.exit(2);
  }
  try {
    const current: Figures = Object.assign({}, ...(await Promise.all(files.map(readFigures))));
    await (write ? writeFootprint(current) : checkFootprint(current, console.log));
  } catch (error) {
    process.stderr.write(`footprint: ${messageOf(error)}\n`);
    if (error instanceof FootprintError && error.hint !== undefined) {
      process.stderr.write(`footprint:   ${error.hint}\n`);
    }
    process.exitCode = 1;
  }
}
