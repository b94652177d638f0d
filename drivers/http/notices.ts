import type { Log } from "../../runtime/plugin/sdk.ts";

/** Something that is wrong at the moment. */
export interface Problem {
  /** What it is about; at most one problem for each. */
  topic: string;
  /** What is wrong with it; a new message of the same kind is no news. */
  kind: string;
  message: string;
  hint?: string | undefined;
}

/** Tells of problems when they come, change in kind and go: once each, however often they are seen. */
export interface Notices {
  /** `problems` is all that is wrong within `area` now. */
  settle(area: string, problems: readonly Problem[]): void;
}

export function createNotices(log: Log): Notices {
  const areas = new Map<string, Map<string, string>>();
  return {
    settle(area, problems) {
      const before = areas.get(area) ?? new Map<string, string>();
      const now = new Map(problems.map(({ topic, kind }) => [topic, kind]));
      areas.set(area, now);
      for (const { topic, kind, message, hint } of problems) {
        if (before.get(topic) !== kind) log.warn(message, hint === undefined ? { kind } : { kind, hint });
      }
      for (const topic of before.keys()) if (!now.has(topic)) log.info(`${topic}: well again`);
    },
  };
}
