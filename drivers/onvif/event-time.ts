import type { Clock } from "../../runtime/plugin/sdk.ts";
import type { Notification } from "./notification.ts";

/** Older than this an event's time is a mistake of the camera: it holds events back for seconds, not for minutes. */
const oldestMs = 10 * 60_000;
/** The clock's offset is known to about a second. */
const slackMs = 2000;

/**
 * When it happened by the node's clock: the camera's time, corrected by how far its clock is off. A state that held
 * before has the moment at which it was told, and so has what can't be right.
 */
export function sampleTime(
  { cameraMs, initial }: Notification,
  offsetMs: number | undefined,
  clock: Clock,
): { timeMs?: number } {
  if (!clock.known()) return {};
  const nowMs = clock.nowMs();
  if (initial || cameraMs === undefined || offsetMs === undefined) return { timeMs: nowMs };
  const happenedMs = cameraMs - offsetMs;
  if (happenedMs < nowMs - oldestMs || happenedMs > nowMs + slackMs) return { timeMs: nowMs };
  return { timeMs: Math.min(nowMs, happenedMs) };
}
