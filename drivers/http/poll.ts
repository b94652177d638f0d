/**
 * One request, polled.
 *
 * What it remembers of an answer (validators, observation times) it remembers only once the answer's samples are
 * stored: if storing fails, the next poll asks for all of it again, and a 304 can never hide a sample that was
 * not stored. After a restart nothing is remembered, so the last observation is emitted once more, with its own
 * time.
 *
 * While polls fail they come ever more rarely: by half-jittered exponential backoff from `intervalMs` to
 * `maxBackoffMs`, or as `Retry-After` says. Half of the delay is certain, so that an API in trouble does get its
 * rest; the other half is drawn, so that a thousand nodes do not come back at once. The tick goes on all the
 * while: it is the plugin's sign of life.
 */
import { ExponentialBackoff, halfJitterGenerator } from "cockatiel";
import type { Host, Sample } from "../../runtime/plugin/sdk.ts";
import { isUmecError, messageOf } from "../../runtime/plugin/sdk.ts";
import { type Credentials, conceal, credentialsFor } from "./auth.ts";
import type { Validators } from "./conditional.ts";
import { emitAll } from "./emit-all.ts";
import { type Fetched, fetchJson } from "./fetch-json.ts";
import { HttpError } from "./http-error.ts";
import { type Group, mapFields } from "./map-fields.ts";
import { createNotices, type Problem } from "./notices.ts";
import type { RequestOptions } from "./options.ts";

export interface PollOptions {
  /** The request's name. */
  name: string;
  request: RequestOptions;
  host: Pick<Host, "emit" | "log" | "clock" | "scheduler" | "secrets">;
}

/** Returns the task for each tick. It rejects only when `signal` aborts or samples can't be stored. */
export function createPoll({ name, request, host }: PollOptions): (signal: AbortSignal) => Promise<void> {
  const { clock, log, scheduler } = host;
  const { intervalMs, maxBackoffMs } = request;
  const notices = createNotices(log);
  const calm = new ExponentialBackoff({
    generator: halfJitterGenerator,
    initialDelay: intervalMs,
    maxDelay: Math.max(intervalMs, maxBackoffMs),
  });
  let backoff: ReturnType<typeof calm.next> | undefined;
  let notBeforeMs = Number.NEGATIVE_INFINITY;
  let online: boolean | undefined;
  let validators: Validators | undefined;
  let last: readonly Group[] = [];

  async function setOnline(value: boolean, signal: AbortSignal): Promise<void> {
    if (online === value) return;
    await host.emit([{ name: `${name}/online`, value }], { lane: "alarm", signal });
    online = value;
  }

  async function fail(error: unknown, credentials: Credentials, signal: AbortSignal): Promise<void> {
    const asked = error instanceof HttpError ? error.retryAfterMs : undefined;
    backoff = backoff ? backoff.next(undefined) : calm.next();
    notBeforeMs = clock.monotonicMs() + (asked ?? backoff.duration);
    notices.settle("poll", [problemOf(name, error, credentials)]);
    await setOnline(false, signal);
  }

  async function succeed(fetched: Fetched, credentials: Credentials, signal: AbortSignal): Promise<void> {
    backoff = undefined;
    notBeforeMs = Number.NEGATIVE_INFINITY;
    notices.settle("poll", []);
    await setOnline(true, signal);
    if (!fetched.changed) {
      if (!request.skipUnchanged) await store(last, signal);
      return;
    }
    const { groups, problems } = mapFields(name, fetched.document, request);
    const shown = problems.map((problem) => ({ ...problem, message: conceal(problem.message, credentials) }));
    notices.settle("fields", prefixed(name, shown));
    await store(request.skipUnchanged ? newIn(groups, last) : groups, signal);
    last = groups;
    validators = fetched.validators;
  }

  async function store(groups: readonly Group[], signal: AbortSignal): Promise<void> {
    const samples: Sample[] = groups.flatMap((group) => group.samples);
    if (samples.length === 0) return;
    notices.settle("refused", prefixed(name, await emitAll(host, samples, signal)));
  }

  return async (signal) => {
    const waitMs = notBeforeMs - clock.monotonicMs();
    // The next tick comes before that.
    if (waitMs >= intervalMs) return;
    if (waitMs > 0) await scheduler.sleep(waitMs, signal);
    let credentials: Credentials = { headers: {}, query: {}, hidden: [] };
    let fetched: Fetched;
    try {
      credentials = await credentialsFor(request.auth, host.secrets);
      const nowMs = clock.known() ? clock.nowMs() : undefined;
      fetched = await fetchJson({ ...request, credentials, validators, nowMs, signal });
    } catch (error) {
      signal.throwIfAborted();
      return await fail(error, credentials, signal);
    }
    await succeed(fetched, credentials, signal);
  };
}

/** The groups whose observation time is not the one of before; those without any time are new always. */
function newIn(groups: readonly Group[], before: readonly Group[]): Group[] {
  const times = new Map(before.map(({ key, timeMs }) => [key, timeMs]));
  return groups.filter(({ key, timeMs }) => timeMs === undefined || times.get(key) !== timeMs);
}

function problemOf(name: string, error: unknown, credentials: Credentials): Problem {
  const detail = error instanceof HttpError ? error.detail : "";
  const kind = isUmecError(error) ? `${error.code} ${detail}`.trim() : "unexpected";
  return {
    topic: `${name}: polling`,
    kind,
    message: `${name}: ${conceal(messageOf(error), credentials)}`,
    hint: isUmecError(error) ? error.hint : undefined,
  };
}

function prefixed(name: string, problems: readonly Problem[]): Problem[] {
  return problems.map((problem) => ({ ...problem, topic: `${name}: ${problem.topic}` }));
}
