/**
 * Takes the lines of a plugin, all or none.
 *
 * All are looked for first, and that nobody has them, before the first is requested: a mistake in the options moves no
 * output. Then outputs are requested, safe from their first moment, and inputs last.
 */
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { createFindLine } from "./find-lines.ts";
import type { Edge, GpioPort, HeldLines, LineConfig } from "./port.ts";
import { groupRequests, type Wanted } from "./requests.ts";

export interface LineWish {
  readonly name: string;
  /** As in the options. */
  readonly line: string;
  readonly config: LineConfig;
  readonly value?: boolean;
}

/** One line that is ours. */
export interface Line {
  /** @throws UmecError `GPIO_FAULT` */
  read(): boolean;
  /** @throws UmecError `GPIO_FAULT` */
  write(value: boolean): void;
}

export interface ClaimOptions {
  /** Is given what came in one reading. */
  readonly onEdges: (edges: readonly { name: string; edge: Edge }[]) => void;
  readonly onGone: (error: UmecError) => void;
}

export interface Claimed {
  line(name: string): Line;
  /** Gives all lines back. */
  close(): void;
}

/** Throws the errors of `createFindLine` and of {@link GpioPort.request}; then no line is held. */
export async function claimLines(
  wishes: readonly LineWish[],
  port: GpioPort,
  { onEdges, onGone }: ClaimOptions,
): Promise<Claimed> {
  const wanted = await findAll(wishes, port);
  const isOutput = ({ config }: Wanted): boolean => config.direction === "out";
  const inOrder = [...wanted.filter(isOutput), ...wanted.filter((line) => !isOutput(line))];
  const held: HeldLines[] = [];
  const lines = new Map<string, Line>();
  const close = (): void => {
    for (const request of held) request.close();
  };
  try {
    for (const group of groupRequests(inOrder)) {
      const { chip, config } = group[0]!;
      const names = new Map(group.map(({ offset, name }) => [offset, name]));
      const request = await port.request({
        chip,
        config,
        offsets: group.map(({ offset }) => offset),
        values: group.map(({ value = false }) => value),
        onEdges: (edges) => onEdges(edges.map((edge) => ({ name: names.get(edge.offset)!, edge }))),
        onGone,
      });
      held.push(request);
      for (const [index, { name, offset }] of group.entries()) {
        lines.set(name, {
          read: () => request.read()[index]!,
          write: (value) => request.write(offset, value),
        });
      }
    }
  } catch (error) {
    close();
    throw error;
  }
  return { line: (name) => lines.get(name)!, close };
}

async function findAll(wishes: readonly LineWish[], port: GpioPort): Promise<Wanted[]> {
  const find = await createFindLine(port);
  const owners = new Map<string, string>();
  const wanted: Wanted[] = [];
  for (const { line, ...wish } of wishes) {
    const found = await find(line);
    const place = `${found.chip.name}:${found.offset}`;
    const owner = owners.get(place);
    if (owner !== undefined) {
      throw new UmecError("GPIO_BUSY", `${wish.name} and ${owner} are the same line, ${place}`);
    }
    owners.set(place, wish.name);
    wanted.push({ ...wish, ...found });
  }
  return wanted;
}
