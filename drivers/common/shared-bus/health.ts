/**
 * The health of one device, and its quarantine.
 *
 * A device that fails is left alone for a while, which doubles with each failure, and is then asked once. A device
 * that is missing costs next to nothing, but one that makes a transfer hang costs the bus the adapter's timeout (with
 * most, 1 s) each time; so it takes at most `timeout / maxMs` of the others' time. One failure can be noise;
 * `offlineAfter` in a row are told to the world, and so is the first answer after it: once each.
 */
import { UmecError } from "../../../runtime/plugin/sdk.ts";

export interface HealthOptions {
  /** For messages. */
  title: string;
  /** Code of the error of a command for a device that is offline. */
  offlineCode: string;
  /** Monotonic time in milliseconds. */
  nowMs: () => number;
  backoff: { initialMs: number; maxMs: number };
  /** Failures in a row that make a device offline. */
  offlineAfter: number;
  /** It came online or went offline, with the reason; first called when that is first known. */
  onChange: (online: boolean, error?: UmecError) => void;
}

export interface Health {
  /** `undefined` until known. */
  readonly online: boolean | undefined;
  /** Whether it may be asked now. */
  readonly due: boolean;
  /** Throws `offlineCode` when it is known not to answer. */
  admitCommand(): void;
  answered(): void;
  /** Gives the time after which it is to be asked again, in milliseconds. */
  failed(error: UmecError): number;
  /** The adapter is gone, and the device with it. */
  lost(error: UmecError): void;
}

export function createHealth(options: HealthOptions): Health {
  const { title, offlineCode, nowMs, backoff, offlineAfter, onChange } = options;
  let online: boolean | undefined;
  let failures = 0;
  let waitMs = 0;
  let dueMs = Number.NEGATIVE_INFINITY;
  let reason = "";

  function tell(now: boolean, error?: UmecError): void {
    if (online === now) return;
    online = now;
    onChange(now, error);
  }

  return {
    get online() {
      return online;
    },
    get due() {
      return nowMs() >= dueMs;
    },
    admitCommand() {
      if (online !== false) return;
      const inS = Math.max(0, Math.ceil((dueMs - nowMs()) / 1000));
      throw new UmecError(offlineCode, `${title} is offline: ${reason}`, {
        hint: `it is asked again in ${inS} s`,
      });
    },
    answered() {
      failures = 0;
      waitMs = 0;
      dueMs = Number.NEGATIVE_INFINITY;
      tell(true);
    },
    failed(error) {
      failures += 1;
      reason = error.message;
      waitMs = waitMs === 0 ? backoff.initialMs : Math.min(backoff.maxMs, 2 * waitMs);
      dueMs = nowMs() + waitMs;
      if (failures >= offlineAfter) tell(false, error);
      return waitMs;
    },
    lost(error) {
      if (online) tell(false, error);
    },
  };
}
