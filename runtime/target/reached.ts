/**
 * What a node has really reached on its way to a target. A step that succeeded moves it; a step that failed, or
 * was aborted, leaves its pieces *unsure*: they may be as before, as wanted or between. An unsure piece equals
 * no target, so every later plan touches it again, also one that goes back to the old target.
 */
import { piecesOf, type Step } from "./step.ts";
import type { Target } from "./types.ts";

/** Every {@link Target} is one: a node that has reached it. `{}` is a node that has not begun. */
export type Reached = Partial<Target> & {
  /** Plugins that have an account. @default those of `plugins` */
  accounts?: readonly string[];
  /** Pieces whose last step failed, as in {@link piecesOf}. @default none */
  unsure?: readonly string[];
};

/** `reached` after `step` succeeded. */
export function advance(reached: Reached, step: Step): Reached {
  const pieces = new Set(piecesOf(step));
  const next: Reached = {
    ...reached,
    plugins: reached.plugins ?? [],
    alarms: reached.alarms ?? [],
    users: reached.users ?? [],
    apps: reached.apps ?? [],
    accounts: accountsOf(reached),
    unsure: (reached.unsure ?? []).filter((piece) => !pieces.has(piece)),
  };
  switch (step.kind) {
    case "needs-restart":
      return reached;
    case "open":
      return { ...next, node: step.node, dataPath: step.dataPath };
    case "set-log-level":
      return { ...next, log: { level: step.level } };
    case "set-clock":
      return { ...next, clock: { trust: step.trust } };
    case "set-outbox":
      return { ...next, outbox: step.outbox };
    case "set-objects":
      return { ...next, objects: step.objects };
    case "set-update":
      return { ...next, update: step.update };
    case "set-gate":
      return { ...next, gate: step.gate };
    case "set-alarms":
      return { ...next, alarms: step.alarms };
    case "set-users":
      return { ...next, users: step.users };
    case "set-link": {
      const { link: _, ...offline } = next;
      return step.link ? { ...offline, link: step.link } : offline;
    }
    case "set-apps":
      return { ...next, apps: step.apps };
    case "set-api": {
      const { api: _, ...closed } = next;
      return step.api ? { ...closed, api: step.api } : closed;
    }
    case "stop-plugin":
      return { ...next, plugins: without(next, step.plugin) };
    case "remove-accounts":
      return { ...next, accounts: next.accounts!.filter((name) => !step.plugins.includes(name)) };
    case "add-accounts":
      return { ...next, accounts: [...new Set([...next.accounts!, ...step.plugins])].sort() };
    case "start-plugin":
    case "restart-plugin":
    case "adjust-plugin": {
      const plugins = [...without(next, step.plugin.name), step.plugin];
      return { ...next, plugins: plugins.sort((a, b) => (a.name < b.name ? -1 : 1)) };
    }
  }
}

/** `reached` after `step` failed. */
export function unsureAfter(reached: Reached, step: Step): Reached {
  return { ...reached, unsure: [...new Set([...(reached.unsure ?? []), ...piecesOf(step)])] };
}

export function accountsOf(reached: Reached): readonly string[] {
  return reached.accounts ?? (reached.plugins ?? []).map(({ name }) => name);
}

function without(reached: Reached, name: string) {
  return (reached.plugins ?? []).filter((plugin) => plugin.name !== name);
}
