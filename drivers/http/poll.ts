/**
 * One request, polled.
 *
 * What it remembers of an answer (validators, observation times) it remembers only once the answer's samples are
 * stored: if storing fails, the next poll asks for all of it again, and a 304 can never hide a sample that was
 * not stored. After a restart nothing is remembered, so the last observation is emitted once more, with its own
 * time.
 *
 * An answer in pages is asked for as a whole each time: a 304 for its first page says nothing of the others. Its list
 * goes on from page to page; the request's own points are those of the first.
 *
 * An API that says why it refuses (RFC 9457) makes the points bad: each gets a sample without a value, with that
 * reason. Then the next answer counts as new, whatever it repeats, so that no point stays bad.
 *
 * While polls fail they come ever more rarely: by half-jittered exponential backoff from `intervalMs` to
 * `maxBackoffMs`, or as `Retry-After` says. Half of the delay is certain, so that an API in trouble does get its
 * rest; the other half is drawn, so that a thousand nodes do not come back at once. The tick goes on all the
 * while: it is the plugin's sign of life.
 */
import { ExponentialBackoff, halfJitterGenerator } from "cockatiel";
import type { Host, Sample } from "../../runtime/plugin/sdk.ts";
import { isUmecError, messageOf } from "../../runtime/plugin/sdk.ts";
import { type Credentials, conceal } from "./auth.ts";
import { authorized, createKeys, type Keys } from "./authorized.ts";
import { badSamples } from "./bad-samples.ts";
import type { Validators } from "./conditional.ts";
import { emitAll } from "./emit-all.ts";
import { fetchPages, type PagesFetched } from "./fetch-pages.ts";
import { HttpError } from "./http-error.ts";
import { type Group, mapPages } from "./map-fields.ts";
import { createNotices, type Problem } from "./notices.ts";
import type { RequestOptions } from "./options.ts";

export interface PollOptions {
  /** The request's name. */
  name: string;
  request: RequestOptions;
  host: Pick<Host, "emit" | "log" | "clock" | "scheduler" | "secrets">;
  /** @default the host's secrets */
  keys?: Keys;
}

/** Returns the task for each tick. It rejects only when `signal` aborts or samples can't be stored. */
export function createPoll({
  name,
  request,
  host,
  keys = createKeys(host),
}: PollOptions): (signal: AbortSignal) => Promise<void> {
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
  /** Why the points are bad, if they are. */
  let badFor: string | undefined;

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
    if (error instanceof HttpError && error.problem !== undefined)
      await makeBad(conceal(error.problem, credentials), signal);
  }

  async function makeBad(reason: string, signal: AbortSignal): Promise<void> {
    if (badFor === reason) return;
    await emitAll(host, badSamples(name, request.points, last, reason), { signal });
    badFor = reason;
    validators = undefined;
  }

  async function succeed(
    fetched: PagesFetched,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<void> {
    backoff = undefined;
    notBeforeMs = Number.NEGATIVE_INFINITY;
    notices.settle("poll", []);
    await setOnline(true, signal);
    if (!fetched.changed) {
      if (!request.skipUnchanged) await store(last, signal);
      return;
    }
    const { groups, problems } = mapPages(name, fetched.documents, request);
    if (fetched.problem) problems.push(fetched.problem);
    const shown = problems.map((problem) => ({ ...problem, message: conceal(problem.message, credentials) }));
    notices.settle("fields", prefixed(name, shown));
    const known = badFor === undefined && request.skipUnchanged ? last : [];
    await store(newIn(groups, known), signal);
    badFor = undefined;
    last = groups;
    validators = fetched.validators;
  }

  async function store(groups: readonly Group[], signal: AbortSignal): Promise<void> {
    const samples: Sample[] = groups.flatMap((group) => group.samples);
    if (samples.length === 0) return;
    notices.settle("refused", prefixed(name, await emitAll(host, samples, { signal })));
  }

  return async (signal) => {
    const waitMs = notBeforeMs - clock.monotonicMs();
    // The next tick comes before that.
    if (waitMs >= intervalMs) return;
    if (waitMs > 0) await scheduler.sleep(waitMs, signal);
    let credentials: Credentials = { headers: {}, query: {}, hidden: [] };
    let fetched: PagesFetched;
    try {
      const nowMs = clock.known() ? clock.nowMs() : undefined;
      fetched = await authorized(
        keys,
        request.auth,
        signal,
        (given) => {
          credentials = given;
          return fetchPages({ ...request, credentials, validators, nowMs, signal });
        },
        (outcome) => "error" in outcome && isRefused(outcome.error),
      );
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

function isRefused(error: unknown): boolean {
  return error instanceof HttpError && error.code === "HTTP_STATUS" && error.detail === "401";
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
