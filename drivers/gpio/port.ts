import type { UmecError } from "../../runtime/plugin/sdk.ts";

/** A controller of GPIO lines. */
export interface Chip {
  /** As the kernel calls it: `gpiochip0`. */
  readonly name: string;
  /** What it is: `9030000.pl061`, `pinctrl-bcm2835`. */
  readonly label: string;
  /** How many lines it has. */
  readonly lines: number;
}

export interface Chips {
  readonly chips: readonly Chip[];
  /** Why others that are there may not be used: `GPIO_FORBIDDEN`. */
  readonly refused: readonly UmecError[];
}

/** A line as it is before it is requested. */
export interface LineInfo {
  /** Its name in the device tree, or empty. */
  readonly name: string;
  /** Who holds it, or empty. */
  readonly consumer: string;
  readonly used: boolean;
  readonly output: boolean;
}

export type EdgeKind = "none" | "rising" | "falling" | "both";
export type Bias = "as-is" | "pull-up" | "pull-down" | "disabled";
export type Drive = "push-pull" | "open-drain" | "open-source";

export interface LineConfig {
  readonly direction: "in" | "out";
  /** Whether a low level is true; all values and edges are then told so. */
  readonly activeLow: boolean;
  readonly bias: Bias;
  /** Of an output. */
  readonly drive: Drive;
  /** Of an input: which edges are told. */
  readonly edge: EdgeKind;
  /** Of an input: how long a level must hold before it counts, in milliseconds; 0 for none. */
  readonly debounceMs: number;
}

/** A change of an input. */
export interface Edge {
  readonly offset: number;
  /** Whether it became true. */
  readonly rising: boolean;
  /** When, in milliseconds of {@link GpioPort.nowMs}. */
  readonly atMs: number;
  /** Edges of this line that went missing right before this one. */
  readonly lost: number;
}

export interface LineRequest {
  readonly chip: Chip;
  /** 1 to 64 lines. */
  readonly offsets: readonly number[];
  readonly config: LineConfig;
  /** What outputs are from the first moment, in the order of `offsets`. */
  readonly values?: readonly boolean[];
  /** Is given edges in the order in which the kernel saw them. */
  readonly onEdges?: (edges: readonly Edge[]) => void;
  /** The chip is gone, such as a converter that was pulled out; told once. */
  readonly onGone?: (error: UmecError) => void;
}

/** Lines that are ours until `close`. */
export interface HeldLines {
  /** The levels now, in the order of the request's offsets. @throws UmecError `GPIO_FAULT` */
  read(): boolean[];
  /** @throws UmecError `GPIO_FAULT` */
  write(offset: number, value: boolean): void;
  /** Gives the lines back; a second call does nothing. */
  close(): void;
}

/** The GPIO lines of a kernel: by character devices, by sysfs, or in memory for tests. */
export interface GpioPort {
  /** The clock of edges, in milliseconds. */
  nowMs(): number;
  /** @throws UmecError `GPIO_NO_CHIP` when there is none at all */
  chips(): Promise<Chips>;
  /** All lines of a chip by their offsets. */
  lines(chip: Chip): Promise<readonly LineInfo[]>;
  /** @throws UmecError `GPIO_BUSY`, `GPIO_UNSUPPORTED`, `GPIO_FORBIDDEN`, `GPIO_FAULT`, `GPIO_ADDON_MISSING` */
  request(request: LineRequest): Promise<HeldLines>;
}
