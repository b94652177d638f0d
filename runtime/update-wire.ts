/**
 * What hub and node say to each other about updates.
 *
 * - **Down**: the node's document `update`, the JSON text of an {@link UpdateOrder}. It stays until another takes its
 *   place; a node does with one id what it does once.
 * - **Up**: frames of the plugin {@link updatePlugin} in the lane alarm, so they are on disk before they are told, signed, and
 *   the last to go when the disk is full. One SenML record a step: its name is the phase, its value the JSON text of an
 *   {@link UpdateReport}.
 */
import { UmecError } from "./errors.ts";
import type { UpdateOrder, UpdatePhase, UpdateReport } from "./update/types.ts";

/** The plugin under which reports reach the hub; no plugin of a target state may have this name. */
export const updatePlugin = "update";

export const updatePhases: readonly UpdatePhase[] = [
  "ordered",
  "fetching",
  "fetched",
  "installing",
  "installed",
  "restarting",
  "trying",
  "good",
  "refused",
  "failed",
  "fell-back",
];

/** Those after which a node does nothing more for the order. */
const endPhases: ReadonlySet<UpdatePhase> = new Set(["good", "refused", "failed", "fell-back"]);

export function isEnd(phase: UpdatePhase): boolean {
  return endPhases.has(phase);
}

/** Letters, digits and dashes, at most 63. */
export const orderIdSyntax = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const longestReason = 500;

/** The value of a report's record. A reason is cut after 500 characters. */
export function formatReport(report: UpdateReport): string {
  const { reason } = report;
  if (reason === undefined || reason.length <= longestReason) return JSON.stringify(report);
  return JSON.stringify({ ...report, reason: `${reason.slice(0, longestReason)}…` });
}

/** The report in a record's value, or `undefined` when it is none. */
export function parseReport(text: unknown): UpdateReport | undefined {
  const { id, phase, from, to, reason } = fieldsOf(text);
  if (!updatePhases.includes(phase as UpdatePhase)) return undefined;
  const given = Object.entries({ id, from, to, reason }).filter(([, value]) => value !== undefined);
  if (!given.every(([, value]) => typeof value === "string")) return undefined;
  return { phase: phase as UpdatePhase, ...Object.fromEntries(given) };
}

/** @throws UmecError `UPDATE_ORDER_INVALID` */
export function parseOrder(body: string | Uint8Array): UpdateOrder {
  const { id, bundle, permit } = fieldsOf(typeof body === "string" ? body : Buffer.from(body).toString());
  const { version, compatible, sha256, bytes } = (bundle ?? {}) as Record<string, unknown>;
  const fault =
    typeof id !== "string" || !orderIdSyntax.test(id)
      ? "its id is none"
      : typeof version !== "string" || typeof compatible !== "string"
        ? "its bundle has no version, or no compatible"
        : typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)
          ? "its bundle has no SHA-256"
          : !Number.isSafeInteger(bytes) || Number(bytes) < 1
            ? "its bundle has no size"
            : permit !== undefined && typeof permit !== "string"
              ? "its permit is no text"
              : undefined;
  if (fault !== undefined)
    throw new UmecError("UPDATE_ORDER_INVALID", `the order of an update can't be read: ${fault}`, {
      hint: "is this umec older than the hub's?",
    });
  return {
    id: id as string,
    bundle: { version, compatible, sha256, bytes } as UpdateOrder["bundle"],
    ...(permit !== undefined && { permit: permit as string }),
  };
}

/** A node's latest step, for people: `lamp-0042 fell back from 1.4.0 to 1.3.2: plugin rs485 did not sample in 120 s`. */
export function describeReport(node: string, { phase, from, to, reason }: UpdateReport): string {
  const because = reason === undefined ? "" : `: ${reason}`;
  const target = to ?? "an update";
  switch (phase) {
    case "good":
      return `${node} runs ${to ?? "what was ordered"}${because}`;
    case "fell-back":
      return `${node} fell back${to === undefined ? "" : ` from ${to}`}${from === undefined ? "" : ` to ${from}`}${because}`;
    case "refused":
      return `${node} refused ${target}${because}`;
    case "failed":
      return `${node} failed to install ${target}${because}`;
    default:
      return `${node} is ${phase === "ordered" ? "told" : phase} ${target}${because}`;
  }
}

function fieldsOf(text: unknown): Record<string, unknown> {
  if (typeof text !== "string") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
