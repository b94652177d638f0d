import { isDeepStrictEqual } from "node:util";
import { accountsOf, type Reached } from "./reached.ts";
import type { Step } from "./step.ts";
import type { PluginTarget, Target } from "./types.ts";

/**
 * The steps from what a node has reached to what it should be; empty when there is nothing to do. Pure. What
 * is equal by value gets no step, so a change of one plugin's options touches that plugin alone.
 *
 * The order: settings first, and the alarms, which watch the plugins; then plugins that go, so that their hardware is free; then plugins that change;
 * then new ones; then the link, since no plugin waits for it; then the API, which shows all of that.
 */
export function plan(current: Reached | undefined, target: Target): Step[] {
  const from: Reached = current ?? {};
  const unsure = new Set(from.unsure);
  const restart = restartReason(from, target);
  if (restart !== undefined) return [{ kind: "needs-restart", reason: restart }];

  const same = (piece: string, a: unknown, b: unknown) => !unsure.has(piece) && isDeepStrictEqual(a, b);
  const steps: Step[] = [];
  if (from.node === undefined || unsure.has("open"))
    steps.push({ kind: "open", node: target.node, dataPath: target.dataPath });
  if (!same("users", from.users ?? [], target.users)) steps.push({ kind: "set-users", users: target.users });
  if (!same("log", from.log, target.log)) steps.push({ kind: "set-log-level", level: target.log.level });
  if (!same("clock", from.clock, target.clock)) steps.push({ kind: "set-clock", trust: target.clock.trust });
  if (!same("outbox", from.outbox, target.outbox)) steps.push({ kind: "set-outbox", outbox: target.outbox });
  if (!same("objects", from.objects, target.objects))
    steps.push({ kind: "set-objects", objects: target.objects });
  if (!same("update", from.update, target.update)) steps.push({ kind: "set-update", update: target.update });
  if (!same("gate", from.gate, target.gate)) steps.push({ kind: "set-gate", gate: target.gate });
  if (!same("alarms", from.alarms ?? [], target.alarms))
    steps.push({ kind: "set-alarms", alarms: target.alarms });
  steps.push(...planPlugins(from, target, unsure));
  if (!same("link", from.link, target.link)) steps.push({ kind: "set-link", link: target.link });
  // Before the API, so that it opens to nobody who may not; and by itself when only applications change.
  if (!same("apps", from.apps ?? [], target.apps)) steps.push({ kind: "set-apps", apps: target.apps });
  if (!same("api", from.api, target.api)) steps.push({ kind: "set-api", api: target.api });
  return steps;
}

function restartReason(from: Reached, target: Target): string | undefined {
  if (from.node === undefined || from.dataPath === undefined) return undefined;
  const reasons: string[] = [];
  if (from.node !== target.node) reasons.push(`the node is now called ${target.node}, not ${from.node}`);
  if (from.dataPath !== target.dataPath)
    reasons.push(`its data is now in ${target.dataPath}, not ${from.dataPath}`);
  return reasons.length === 0 ? undefined : reasons.join("; ");
}

function planPlugins(from: Reached, target: Target, unsure: ReadonlySet<string>): Step[] {
  const running = new Map((from.plugins ?? []).map((plugin) => [plugin.name, plugin]));
  const wanted = new Map(target.plugins.map((plugin) => [plugin.name, plugin]));
  const accounts = new Set(accountsOf(from));
  const unsureNames = (kind: string) =>
    [...unsure].filter((piece) => piece.startsWith(kind)).map((piece) => piece.slice(kind.length));

  const stopping = new Set([...running.keys(), ...unsureNames("plugin/")]);
  const leaving = new Set([...accounts, ...unsureNames("account/")]);
  const gone = [...leaving].filter((name) => !wanted.has(name)).sort();
  const missing = [...wanted.keys()].filter((name) => !accounts.has(name) || unsure.has(`account/${name}`));

  const steps: Step[] = [...stopping]
    .filter((name) => !wanted.has(name))
    .sort()
    .map((plugin) => ({ kind: "stop-plugin", plugin }));
  if (gone.length > 0) steps.push({ kind: "remove-accounts", plugins: gone });
  if (missing.length > 0) steps.push({ kind: "add-accounts", plugins: missing.sort() });
  const changes = [...wanted.values()].map((plugin) => {
    const failed = unsure.has(`plugin/${plugin.name}`);
    return planPlugin(running.get(plugin.name), plugin, failed);
  });
  const known = changes.filter((step) => step !== undefined);
  return [
    ...steps,
    ...known.filter(({ kind }) => kind !== "start-plugin"),
    ...known.filter(({ kind }) => kind === "start-plugin"),
  ];
}

function planPlugin(old: PluginTarget | undefined, plugin: PluginTarget, failed: boolean): Step | undefined {
  if (failed) return { kind: "restart-plugin", plugin, reason: "the last attempt failed" };
  if (!old) return { kind: "start-plugin", plugin };
  const changed = (["driver", "process", "options", "safe", "limits", "required"] as const).filter(
    (key) => !isDeepStrictEqual(old[key], plugin[key]),
  );
  if (changed.length === 0) return undefined;
  const reason = `changed: ${changed.join(", ")}`;
  const live = changed.every((key) => key === "limits" || key === "required");
  return { kind: live ? "adjust-plugin" : "restart-plugin", plugin, reason };
}
