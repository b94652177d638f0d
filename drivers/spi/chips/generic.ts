/** Any device, by transfers that the options describe. */
import type { OptionFinding } from "../../../runtime/plugin/sdk.ts";
import type { ChipType } from "../chip.ts";
import { fieldOf, isInteger, widthOf } from "../numbers.ts";
import type { CommandOptions, DeviceOptions, Step, TransferOptions, ValueOptions } from "../options.ts";
import { bytesOf } from "../program.ts";

export const generic: ChipType = {
  name: "generic",
  summary: "Any device, by transfers that the options describe",
  speedHz: 500_000,
  options: ["transfers", "commands", "bitsPerWord", "lsbFirst"],
  check: (device) => [...check(device)],
  program: ({ transfers = [], commands }) => ({ transfers, ...(commands && { commands }) }),
};

function* check({ transfers = [], commands = {}, bitsPerWord = 8 }: DeviceOptions): Generator<OptionFinding> {
  if (transfers.length === 0) {
    yield {
      pointer: "",
      reason: "a generic device needs the option transfers",
      hint: "one that can only be commanded needs a transfer, too, by which it is seen to be there",
    };
  }
  const wordBytes = bitsPerWord <= 8 ? 1 : bitsPerWord <= 16 ? 2 : 4;
  const names = new Set<string>();
  for (const [i, transfer] of transfers.entries()) {
    const pointer = `/transfers/${i}`;
    yield* wordsOf(`${pointer}/send`, bytesOf(transfer.send).length, wordBytes);
    for (const name of Object.keys(transfer.values ?? {})) {
      if (names.has(name))
        yield { pointer: `${pointer}/values/${name}`, reason: `${name} is a value already` };
      names.add(name);
    }
    for (const finding of checkTransfer(transfer)) yield { ...finding, pointer: pointer + finding.pointer };
  }
  for (const [name, command] of Object.entries(commands)) {
    const pointer = `/commands/${name}`;
    if (names.has(name)) yield { pointer, reason: `${name} is a value already` };
    const { send, type } = command;
    yield* wordsOf(
      `${pointer}/send`,
      bytesOf(send.replaceAll("{value}", "00".repeat(widthOf(type)))).length,
      wordBytes,
    );
    for (const finding of checkCommand(command)) yield { ...finding, pointer: pointer + finding.pointer };
  }
}

function* wordsOf(pointer: string, bytes: number, wordBytes: number): Generator<OptionFinding> {
  if (bytes % wordBytes === 0) return;
  yield { pointer, reason: `${bytes} bytes are no whole number of words of ${wordBytes} bytes` };
}

function* checkTransfer({ send, values = {}, expect = [] }: TransferOptions): Generator<OptionFinding> {
  const { length } = bytesOf(send);
  for (const [i, { at }] of expect.entries()) {
    if (at >= length) yield { pointer: `/expect/${i}/at`, reason: beyond(at, length) };
  }
  for (const [name, value] of Object.entries(values)) {
    for (const finding of checkValue(value, length)) {
      yield { ...finding, pointer: `/values/${name}${finding.pointer}` };
    }
  }
}

const beyond = (at: number, length: number): string => `there is no byte ${at}: ${length} are sent, and come`;

function* checkValue(value: ValueOptions, length: number): Generator<OptionFinding> {
  const { at, type = "uint8", faults = [] } = value;
  const last = at + widthOf(type, value.length) - 1;
  if (last >= length) yield { pointer: "/at", reason: beyond(last, length) };
  for (const [i, fault] of faults.entries()) {
    if (fault.at >= length) yield { pointer: `/faults/${i}/at`, reason: beyond(fault.at, length) };
  }
  if (isInteger(type)) {
    const { lowest, count } = fieldOf(value);
    const bits = 8 * widthOf(type);
    if (count < 1 || lowest + count > bits) {
      yield {
        pointer: "/lowestBit",
        reason: `bits ${lowest} to ${lowest + count - 1} are not within ${type}`,
      };
    }
  } else if (value.lowestBit !== undefined || value.bitCount !== undefined || value.boolean) {
    yield { pointer: "/type", reason: `a ${type} has no bits to choose from` };
  }
  if (type !== "hex" && type !== "text" && value.length !== undefined) {
    yield { pointer: "/length", reason: `the length of a ${type} is ${widthOf(type)}` };
  }
  if (value.convert && (type === "hex" || type === "text" || value.boolean)) {
    yield { pointer: "/convert", reason: "only a number can be converted" };
  }
  yield* checkSteps(value.convert);
}

function* checkCommand({ type = "uint8", convert, min, max }: CommandOptions): Generator<OptionFinding> {
  if (type === "hex" || type === "text") yield { pointer: "/type", reason: "a command's value is a number" };
  if ((min ?? Number.NEGATIVE_INFINITY) > (max ?? Number.POSITIVE_INFINITY)) {
    yield { pointer: "/min", reason: `${min} is above max, ${max}` };
  }
  yield* checkSteps(convert);
}

/** What is wrong with steps; pointers begin with `/convert`. */
export function* checkSteps(steps: readonly Step[] = []): Generator<OptionFinding> {
  for (const [i, { multiply, divide, table, lookup }] of steps.entries()) {
    const pointer = `/convert/${i}`;
    if (multiply === 0)
      yield { pointer: `${pointer}/multiply`, reason: "a factor of 0 makes all values the same" };
    if (divide === 0) yield { pointer: `${pointer}/divide`, reason: "nothing can be divided by 0" };
    if (table?.some(([x], row) => row > 0 && x! <= table[row - 1]![0]!)) {
      yield { pointer: `${pointer}/table`, reason: "the values do not rise from each pair to the next" };
    }
    if (!lookup) continue;
    const odd = Object.keys(lookup).find((key) => key.trim() === "" || !Number.isFinite(Number(key)));
    if (odd !== undefined)
      yield { pointer: `${pointer}/lookup`, reason: `${JSON.stringify(odd)} is no number` };
    if (i < steps.length - 1) yield { pointer: `${pointer}/lookup`, reason: "it is not the last step" };
  }
}
