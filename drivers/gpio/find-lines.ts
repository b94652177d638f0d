/**
 * From what an option says to a line of a chip.
 *
 * `chip:number` is tried first, the chip by its name or label; what is no such thing is the name of a line. A name
 * that two chips have is refused: to guess would switch the wrong relay.
 */
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { busyError } from "./errors.ts";
import { nearest } from "./nearest.ts";
import type { Chip, Chips, GpioPort, LineInfo } from "./port.ts";

export interface FoundLine {
  readonly chip: Chip;
  readonly offset: number;
}

export type FindLine = (text: string) => Promise<FoundLine>;

/** Finds lines that are free. Chips are asked once. */
export async function createFindLine(port: GpioPort): Promise<FindLine> {
  const present = await port.chips();
  const known = new Map<Chip, Promise<readonly LineInfo[]>>();
  const linesOf = (chip: Chip): Promise<readonly LineInfo[]> => {
    const lines = known.get(chip) ?? port.lines(chip);
    known.set(chip, lines);
    return lines;
  };

  return async (text) => {
    const { chip, offset } =
      byNumber(text, present) ??
      (await byName(text, present, linesOf)) ??
      (await missing(text, present, linesOf));
    const info = (await linesOf(chip))[offset];
    const place = `${chip.name}:${offset}`;
    if (info?.used) throw busyError(place === text ? place : `${text} (${place})`, info.consumer);
    return { chip, offset };
  };
}

/** @throws UmecError `GPIO_NO_LINE`, `GPIO_AMBIGUOUS` */
function byNumber(text: string, { chips }: Chips): FoundLine | undefined {
  const [, wanted, number] = text.match(/^(.+):(\d+)$/) ?? [];
  if (wanted === undefined) return undefined;
  const named = chips.filter(({ name }) => name === wanted || `/dev/${name}` === wanted);
  const fitting = named.length > 0 ? named : chips.filter(({ label }) => label === wanted);
  const [chip] = fitting;
  if (!chip) return undefined;
  if (fitting.length > 1)
    throw ambiguous(
      wanted,
      fitting.map(({ name }) => name),
    );
  const offset = Number(number);
  if (offset < chip.lines) return { chip, offset };
  throw new UmecError("GPIO_NO_LINE", `${wanted} has lines 0 to ${chip.lines - 1}, not ${number}`);
}

/** @throws UmecError `GPIO_AMBIGUOUS` */
async function byName(
  text: string,
  { chips }: Chips,
  linesOf: (chip: Chip) => Promise<readonly LineInfo[]>,
): Promise<FoundLine | undefined> {
  const found: FoundLine[] = [];
  for (const chip of chips) {
    for (const [offset, { name }] of (await linesOf(chip)).entries()) {
      if (name === text) found.push({ chip, offset });
    }
  }
  if (found.length > 1)
    throw ambiguous(
      text,
      found.map(({ chip, offset }) => `${chip.name}:${offset}`),
    );
  return found[0];
}

/** Throws why there is no such line, with what there is. */
async function missing(
  text: string,
  { chips, refused }: Chips,
  linesOf: (chip: Chip) => Promise<readonly LineInfo[]>,
): Promise<never> {
  // It may well be on a chip that we may not look at.
  const [first] = refused;
  if (first) throw first;
  const present = chips.map(({ name, label }) => `${name} (${label})`).join(", ");
  const wanted = text.match(/^(.+):\d+$/)?.[1];
  if (wanted !== undefined) {
    throw new UmecError("GPIO_NO_CHIP", `there is no chip ${wanted}`, { hint: `there are ${present}` });
  }
  const names: string[] = [];
  for (const chip of chips) {
    for (const { name } of await linesOf(chip)) if (name !== "") names.push(name);
  }
  const close = nearest(text, names);
  const shown = names.length > 40 ? `${names.slice(0, 40).join(", ")} …` : names.join(", ");
  const hint =
    names.length === 0
      ? `no line has a name here; write chip and number, such as ${chips[0]?.name}:0. Chips are ${present}`
      : `${close === undefined ? "" : `did you mean ${close}? `}named lines are ${shown}`;
  throw new UmecError("GPIO_NO_LINE", `there is no line ${text}`, { hint });
}

function ambiguous(text: string, places: readonly string[]): UmecError {
  const hint = `write one of ${places.join(", ")}`;
  return new UmecError("GPIO_AMBIGUOUS", `${text} is the name of ${places.length} at once`, { hint });
}
