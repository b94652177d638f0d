/** Counts what could not be read, and tells it: as a sample when the number has changed, and in the log, seldom. */
import type { Log, Sample } from "../../runtime/plugin/sdk.ts";

export interface Faults {
  add(reason: string): void;
  /** The sample to emit, if there is news; to be asked every so often. */
  report(): Sample[];
}

export function createFaults(name: string, log: Log): Faults {
  let count = 0;
  let reported: number | undefined;
  let firstReason = "";
  return {
    add(reason) {
      if (count === (reported ?? 0)) firstReason = reason;
      count += 1;
      log.debug(reason);
    },
    report() {
      if (count === reported) return [];
      const more = count - (reported ?? 0);
      if (more > 0) log.warn(`${more} errors on the line, the first: ${firstReason}`);
      reported = count;
      return [{ name, value: count, unit: "count" }];
    },
  };
}
