import type { StoredObject, TimeReading } from "./contract.ts";
import type { HostServices } from "./host-services.ts";

/** The in-memory twin of what a node keeps for a plugin. */
export interface MemoryServices extends HostServices {
  readonly values: Map<string, unknown>;
  readonly kept: StoredObject[];
  readonly times: TimeReading[];
}

export function memoryServices(): MemoryServices {
  const values = new Map<string, unknown>();
  const kept: StoredObject[] = [];
  const times: TimeReading[] = [];
  return {
    values,
    kept,
    times,
    state: { get: (key) => values.get(key), set: async (key, value) => void values.set(key, value) },
    objects: { put: async (object) => void kept.push(object) },
    offerTime: (reading) => void times.push(reading),
  };
}
