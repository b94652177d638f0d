import { type DiscoverOptions, type Found, messageOf } from "../../runtime/plugin/sdk.ts";
import type { OpenPort } from "./open-port.ts";

/**
 * The chips, and of each the lines that have a name or a holder. No plugin is proposed: what hangs on a line can't be
 * seen, and to request it may switch something.
 */
export async function* discoverLines(
  { signal, log }: DiscoverOptions,
  openPort: OpenPort,
): AsyncGenerator<Found> {
  const port = await openPort("auto");
  const { chips, refused } = await port.chips();
  for (const error of refused) log.warn(error.message);
  for (const chip of chips) {
    signal.throwIfAborted();
    yield { summary: `${chip.name} (${chip.label}): ${chip.lines} lines` };
    try {
      for (const [offset, { name, consumer, used, output }] of (await port.lines(chip)).entries()) {
        if (name === "" && !used) continue;
        const state = used
          ? `held by ${consumer || "the kernel"}`
          : `free, an ${output ? "output" : "input"} now`;
        yield { summary: `${chip.name}:${offset}${name === "" ? "" : ` "${name}"`}: ${state}` };
      }
    } catch (error) {
      log.warn(`${chip.name}: ${messageOf(error)}`);
    }
  }
}
