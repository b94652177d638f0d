/**
 * Where somebody can listen to all samples that are on disk, from some moment to another: the API, while it is on. Who
 * watches besides, alarms and health, sees what it saw without.
 */
import type { SampleWatch } from "./outbox/types.ts";
import type { SenmlRecord } from "./senml/record.ts";

export type TapListener = (plugin: string, records: readonly SenmlRecord[]) => void;

export class SampleTap {
  #listener: TapListener | undefined;

  /** The listener must not throw. `undefined`: nobody listens, and it costs next to nothing. */
  set listener(listener: TapListener | undefined) {
    this.#listener = listener;
  }

  watch(plugin: string, watch: SampleWatch): SampleWatch {
    return {
      wants: (point) => this.#listener !== undefined || watch.wants(point),
      accepted: (records) => {
        this.#listener?.(plugin, records);
        const wanted = records.filter(({ n }) => watch.wants(n));
        if (wanted.length > 0) watch.accepted(wanted);
      },
    };
  }
}
