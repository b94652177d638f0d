/**
 * Which slot starts, and how often it may still try: the boot script's steps 1 and 2 in TypeScript, for whoever plays
 * the boot loader (an emulated board that can't run one) or looks at a card. image/boot/boot.cmd says what is promised;
 * image/boot/boot-script.test.ts holds both against each other.
 */
import { decodeEnvironment, encodeEnvironment } from "./uboot-env.ts";

export type Slot = "A" | "B";

export interface BootState {
  /** The slots' names in the order in which they are tried. RAUC leaves out one that it marked bad. */
  readonly order: readonly string[];
  /** Tries that are left, 0 or more. */
  readonly left: Readonly<Record<Slot, number>>;
  /**
   * What was in a slot when it was marked good: `umec.slot` of its command line (image/boot/slot-env.sh). A slot is good
   * while that is still in it. The boot script only carries these along. @default neither was
   */
  readonly good?: Readonly<Partial<Record<Slot, string>>>;
}

/** The two files on the boot partition; undefined for one that is missing. */
export interface BootFiles {
  /** `slots.env` */
  readonly env: Uint8Array | undefined;
  /** `slots.bak` */
  readonly bak: Uint8Array | undefined;
}

/** Of a slot that was not marked good yet. */
const tries = 3;
/** Of one that was: docs/decisions/0010. */
export const goodTries = 0x40;
/** Most that are left of a slot whose files are damaged. */
const damagedTries = 2;
const slots: readonly Slot[] = ["A", "B"];

/** The state, and where it was found: the second file counts when the first is damaged, the defaults when both are. */
export function readBootState(files: BootFiles): {
  state: BootState;
  from: "slots.env" | "slots.bak" | "defaults";
} {
  for (const [from, file] of [
    ["slots.env", files.env],
    ["slots.bak", files.bak],
  ] as const) {
    const variables = decodeEnvironment(file);
    if (variables !== undefined) return { state: stateOf(variables), from };
  }
  return { state: stateOf(new Map()), from: "defaults" };
}

function stateOf(variables: ReadonlyMap<string, string>): BootState {
  const order = (variables.get("BOOT_ORDER") ?? "A B").split(" ").filter((name) => name !== "");
  const left = (slot: Slot) => {
    const value = variables.get(`BOOT_${slot}_LEFT`);
    return value === undefined ? tries : Math.max(0, Number.parseInt(value, 16) || 0);
  };
  const good: Partial<Record<Slot, string>> = {};
  for (const slot of slots) {
    const value = variables.get(`BOOT_${slot}_GOOD`);
    if (value !== undefined) good[slot] = value;
  }
  return { order, left: { A: left("A"), B: left("B") }, ...(Object.keys(good).length > 0 && { good }) };
}

/** The file for a state, the same bytes as U-Boot writes. */
export function encodeBootState({ order, left, good = {} }: BootState): Buffer {
  return encodeEnvironment([
    ["BOOT_ORDER", order.join(" ")],
    ["BOOT_A_LEFT", left.A.toString(16)],
    ["BOOT_B_LEFT", left.B.toString(16)],
    ["BOOT_A_GOOD", good.A ?? ""],
    ["BOOT_B_GOOD", good.B ?? ""],
  ]);
}

/**
 * One start: the slot, and the state to write (to slots.env first, then to slots.bak) before it gets control. Without
 * a slot nothing had tries left: write the state, which has them all again, and start over.
 */
export function nextStart(before: BootState): { slot: Slot | undefined; state: BootState } {
  const { order, left } = before;
  for (const name of order) {
    const slot = slots.find((known) => known === name);
    if (slot === undefined || left[slot] <= 0) continue;
    return { slot, state: { ...before, left: { ...left, [slot]: left[slot] - 1 } } };
  }
  const missing = slots.filter((slot) => !order.includes(slot));
  const state = { ...before, order: [...order, ...missing], left: { A: tries, B: tries } };
  return { slot: undefined, state };
}

/** After a start whose slot has damaged files; `undefined` when there is nothing to write. */
export function afterDamage(state: BootState, slot: Slot): BootState | undefined {
  if (state.left[slot] <= damagedTries) return undefined;
  return { ...state, left: { ...state.left, [slot]: damagedTries } };
}
