/**
 * The health of one unit, and its quarantine.
 *
 * A unit that does not answer costs the connection a whole timeout, and with it everybody else. So after the
 * first silence the unit may not be asked until a backoff has passed, and then once only: that is a *probe*.
 * If the probe is silent too, the backoff doubles (with jitter, so that units that died together are not
 * probed together); if it answers, the quarantine is over. So a dead unit costs the others at most one
 * timeout for each backoff period. What it still had in the queue when it fell silent is given up by `signal`.
 *
 * One silence can be noise on a serial line; `offlineAfter` in a row are told to the world. Failures are
 * counted by *epoch*: all requests admitted before a failure belong to one epoch, and count once.
 */
import { ExponentialBackoff, halfJitterGenerator } from "cockatiel";
import { UmecError } from "../../runtime/plugin/sdk.ts";

export interface UnitHealthOptions {
  /** For messages. */
  name: string;
  /** Monotonic time in milliseconds. */
  nowMs: () => number;
  /** Longest time that a probe takes. */
  timeoutMs: number;
  /** @default { initialMs: 1000, maxMs: 60_000 } */
  backoff?: { initialMs: number; maxMs: number };
  /** Failures in a row that make a unit offline. @default 2 */
  offlineAfter?: number;
  /** It came online or went offline; first called when that is first known. */
  onChange: (online: boolean) => void;
  /** It answered for the first time since its last quarantine began. */
  onRecovered: () => void;
  /** A quarantine began or went on; a probe is due in `ms`. */
  onQuarantine: (ms: number) => void;
}

/** Leave to ask the unit, to be handed back with the outcome. */
export interface Admission {
  readonly epoch: number;
  /** Aborted when the unit falls silent. */
  readonly signal: AbortSignal;
}

export interface UnitHealth {
  /** `undefined` until known. */
  readonly online: boolean | undefined;
  /** Leave to ask now; throws `MODBUS_UNIT_OFFLINE` in quarantine. When a probe is due, the first caller gets it. */
  admit(): Admission;
  answered(): void;
  /** A timeout, or a gateway's word that the unit is not there. */
  silent(admission: Admission): void;
  /** What came was no reply: counts like silence, but the first few in a row do not lead to quarantine. */
  damaged(admission: Admission): void;
  /** The connection was lost under a request. */
  disconnected(admission: Admission): void;
  /** There is no connection, whatever the unit does. */
  unreachable(): void;
  /** A new connection is a new chance: ends the quarantine. */
  reconnected(): void;
}

export function createUnitHealth(options: UnitHealthOptions): UnitHealth {
  const { name, nowMs, timeoutMs, offlineAfter = 2, onChange, onRecovered, onQuarantine } = options;
  const { initialMs, maxMs } = options.backoff ?? { initialMs: 1000, maxMs: 60_000 };
  const fresh = new ExponentialBackoff({
    initialDelay: initialMs,
    maxDelay: maxMs,
    generator: halfJitterGenerator,
  });
  let online: boolean | undefined;
  let failures = 0;
  let epoch = 0;
  let life = new AbortController();
  /** Set in quarantine. */
  let backoff: ReturnType<typeof fresh.next> | undefined;
  let probeAtMs = 0;

  const offline = (): UmecError =>
    new UmecError("MODBUS_UNIT_OFFLINE", `${name} does not answer and is in quarantine`, {
      hint: `it is asked again in ${Math.max(0, Math.ceil((probeAtMs - nowMs()) / 1000))} s`,
    });
  const tell = (now: boolean): void => {
    if (online === now) return;
    online = now;
    onChange(now);
  };
  /** Whether the failure is the first of its epoch. */
  const fail = (admission: Admission): boolean => {
    if (admission.epoch !== epoch) return false;
    epoch += 1;
    failures += 1;
    if (failures >= offlineAfter) tell(false);
    return true;
  };

  const silent = (admission: Admission): void => {
    if (!fail(admission)) return;
    backoff = backoff ? backoff.next(undefined) : fresh.next();
    probeAtMs = nowMs() + backoff.duration;
    const ended = life;
    life = new AbortController();
    ended.abort(offline());
    onQuarantine(backoff.duration);
  };

  return {
    get online() {
      return online;
    },
    admit() {
      if (backoff) {
        if (nowMs() < probeAtMs) throw offline();
        probeAtMs = nowMs() + timeoutMs + backoff.duration;
      }
      return { epoch, signal: life.signal };
    },
    answered() {
      if (online && failures === 0) return;
      const wasQuarantined = backoff !== undefined;
      failures = 0;
      backoff = undefined;
      tell(true);
      if (wasQuarantined) onRecovered();
    },
    silent,
    damaged(admission) {
      if (backoff || failures + 1 >= offlineAfter) silent(admission);
      else fail(admission);
    },
    disconnected: (admission) => void fail(admission),
    unreachable() {
      epoch += 1;
      failures += 1;
      tell(false);
    },
    reconnected() {
      backoff = undefined;
    },
  };
}
