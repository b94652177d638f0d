import type { Objects, PluginState, TimeReading } from "./contract.ts";

/** What a node gives a plugin besides its way into the outbox; one for all runs of the plugin. */
export interface HostServices {
  state: PluginState;
  objects: Objects;
  offerTime(reading: TimeReading): void;
}
