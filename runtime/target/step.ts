import type { AlarmTarget } from "../alarms/types.ts";
import type { ApiTarget, AppTarget } from "../api/types.ts";
import type { UserTarget } from "../people/types.ts";
import type {
  ClockTrust,
  GateTarget,
  LinkTarget,
  LogLevel,
  ObjectsTarget,
  OutboxTarget,
  PluginTarget,
  UpdateTarget,
} from "./types.ts";

/**
 * One small step towards a target. Applying a step again, also one that failed half-way, must do no harm:
 * accounts that are there are kept, `restart-plugin` starts a plugin that does not run, `stop-plugin` is
 * content when nothing runs.
 */
export type Step =
  /** The node is called something else or keeps its data elsewhere: only a new process can do that. */
  | { kind: "needs-restart"; reason: string }
  /** First of all, once a process: the directory, the bus and the outbox in it. */
  | { kind: "open"; node: string; dataPath: string }
  | { kind: "set-log-level"; level: LogLevel }
  | { kind: "set-clock"; trust: ClockTrust }
  | { kind: "set-outbox"; outbox: OutboxTarget }
  | { kind: "set-objects"; objects: ObjectsTarget }
  | { kind: "set-update"; update: UpdateTarget }
  | { kind: "set-gate"; gate: GateTarget }
  | { kind: "set-alarms"; alarms: readonly AlarmTarget[] }
  | { kind: "set-users"; users: readonly UserTarget[] }
  | { kind: "stop-plugin"; plugin: string }
  /** What the outbox still holds of these plugins stays there until the hub has it. */
  | { kind: "remove-accounts"; plugins: readonly string[] }
  | { kind: "add-accounts"; plugins: readonly string[] }
  | { kind: "start-plugin"; plugin: PluginTarget }
  | { kind: "restart-plugin"; plugin: PluginTarget; reason: string }
  /** What changed (`limits`, `required`) takes effect while the plugin runs. */
  | { kind: "adjust-plugin"; plugin: PluginTarget; reason: string }
  /** `undefined` takes the node offline. */
  | { kind: "set-link"; link: LinkTarget | undefined }
  /** Who may use the API, and how; who lost a right is cut off. */
  | { kind: "set-apps"; apps: readonly AppTarget[] }
  /** `undefined` closes it. */
  | { kind: "set-api"; api: ApiTarget | undefined };

/** A step in words, for the log. Never has options in it: they may be long. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case "needs-restart":
      return `restart needed: ${step.reason}`;
    case "open":
      return `open node ${step.node} in ${step.dataPath}`;
    case "set-log-level":
      return `set the log level to ${step.level}`;
    case "set-clock":
      return `set clock trust to ${step.trust}`;
    case "set-outbox": {
      const { quotaBytes, commitMs, commitBytes } = step.outbox;
      return `set the outbox to ${quotaBytes} bytes, a commit every ${commitMs} ms or ${commitBytes} bytes`;
    }
    case "set-objects": {
      const { quotaBytes, bytesPerS } = step.objects;
      return `set the store of objects to ${quotaBytes} bytes, ${bytesPerS} bytes a second to the hub`;
    }
    case "set-update": {
      const { automatic, window } = step.update;
      return `set updates to restart ${automatic ? `by themselves, ${window ?? "at any time"}` : "when a person says so"}`;
    }
    case "set-gate": {
      const { deadlineS, offline } = step.gate;
      return `a new system has ${deadlineS} s to be good, ${offline ? "also without the hub" : "with the hub"}`;
    }
    case "set-alarms":
      return step.alarms.length === 0
        ? "watch for no alarms"
        : `watch for alarms: ${step.alarms.map(({ name }) => name).join(", ")}`;
    case "set-users":
      return step.users.length === 0
        ? "let nobody log in"
        : `people: ${step.users.map(({ name, level }) => `${name} (${level})`).join(", ")}`;
    case "stop-plugin":
      return `stop plugin ${step.plugin}`;
    case "remove-accounts":
      return `remove the accounts of ${step.plugins.join(", ")}`;
    case "add-accounts":
      return `add the accounts of ${step.plugins.join(", ")}`;
    case "start-plugin":
      return `start plugin ${step.plugin.name} (driver ${step.plugin.driver})`;
    case "restart-plugin":
      return `restart plugin ${step.plugin.name}: ${step.reason}`;
    case "adjust-plugin":
      return `adjust plugin ${step.plugin.name}: ${step.reason}`;
    case "set-link":
      return step.link ? `link to ${step.link.hubUrls.join(", ")}` : "go offline";
    case "set-apps":
      return step.apps.length === 0
        ? "let no application in"
        : `applications: ${step.apps.map(({ name }) => name).join(", ")}`;
    case "set-api": {
      const { api } = step;
      if (!api) return "close the API for applications";
      return `serve the API on ${api.host} port ${api.port}${api.bus ? `, the bus on ${api.bus.host} port ${api.bus.port}` : ""}`;
    }
  }
}

/**
 * What a step changes, as names of pieces: `open`, `log`, `clock`, `outbox`, `objects`, `update`, `gate`, `alarms`, `users`, `link`, `apps`, `api`, `plugin/<name>`,
 * `account/<name>`. `needs-restart` changes nothing in this process.
 */
export function piecesOf(step: Step): string[] {
  switch (step.kind) {
    case "needs-restart":
      return [];
    case "open":
      return ["open"];
    case "set-log-level":
      return ["log"];
    case "set-clock":
      return ["clock"];
    case "set-outbox":
      return ["outbox"];
    case "set-objects":
      return ["objects"];
    case "set-update":
      return ["update"];
    case "set-gate":
      return ["gate"];
    case "set-alarms":
      return ["alarms"];
    case "set-users":
      return ["users"];
    case "set-link":
      return ["link"];
    case "set-apps":
      return ["apps"];
    case "set-api":
      return ["api"];
    case "stop-plugin":
      return [`plugin/${step.plugin}`];
    case "remove-accounts":
    case "add-accounts":
      return step.plugins.map((name) => `account/${name}`);
    case "start-plugin":
    case "restart-plugin":
    case "adjust-plugin":
      return [`plugin/${step.plugin.name}`];
  }
}

/** The pieces that must have been reached before a step makes sense. */
export function needsOf(step: Step): string[] {
  switch (step.kind) {
    case "needs-restart":
    case "open":
    case "set-log-level":
      return [];
    case "start-plugin":
    case "restart-plugin":
      return ["open", `account/${step.plugin.name}`];
    case "remove-accounts":
      return ["open", ...step.plugins.map((name) => `plugin/${name}`)];
    default:
      return ["open"];
  }
}
