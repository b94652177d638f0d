/**
 * Totals over restarts: all in one value of the plugin's state, saved once a minute when one has changed, and at the
 * end. After a loss of power up to a minute of pulses is missing. Totals of inputs that are not in the options now are
 * kept, for those that come back.
 */
import { type Host, messageOf } from "../../runtime/plugin/sdk.ts";

export interface Counts {
  /** The saved total of an input; 0 when there is none. */
  saved(name: string): number;
  /** Saves what has changed. Does not reject: the log has what went wrong. */
  save(totals: ReadonlyMap<string, number>): Promise<void>;
}

const key = "counts";

export function createCounts({ state, log }: Host): Counts {
  let read: Map<string, number> | undefined;
  /** A plugin that counts nothing never asks. */
  const all = (): Map<string, number> => {
    read ??= totalsOf(state.get(key));
    return read;
  };
  return {
    saved: (name) => all().get(name) ?? 0,
    async save(totals) {
      if (totals.size === 0) return;
      const kept = all();
      const changed = [...totals].filter(([name, total]) => kept.get(name) !== total);
      if (changed.length === 0) return;
      try {
        await state.set(key, Object.fromEntries([...kept, ...changed]));
        for (const [name, total] of changed) kept.set(name, total);
      } catch (error) {
        log.warn(`counts were not saved: ${messageOf(error)}`, { error });
      }
    },
  };
}

function totalsOf(value: unknown): Map<string, number> {
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return new Map(entries.filter(([, total]) => Number.isSafeInteger(total)));
}
