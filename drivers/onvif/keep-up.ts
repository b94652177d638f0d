/**
 * Holds the connection to a camera.
 *
 * On one grid: while the camera is away it is asked with a wait that doubles, up to 60 s, and up to 5 min after it
 * refused the password, since many cameras lock an account that is tried too often. While it is there, each answer
 * counts as a sign of life, and it is asked only when there was none for `checkMs`.
 */
import { type Host, isUmecError, messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import type { Camera, Session } from "./camera.ts";
import { sampleTime } from "./event-time.ts";
import { followEvents } from "./follow-events.ts";
import type { OnvifOptions } from "./options.ts";
import type { Presence } from "./presence.ts";
import type { Ptz } from "./ptz.ts";
import { type EventSample, samplesOf, usualPoints } from "./topics.ts";

export interface KeepUpOptions {
  camera: Camera;
  options: OnvifOptions;
  host: Host;
  presence: Presence;
  /** Works while the camera is there, until its signal aborts. */
  meanwhile: (session: Session, signal: AbortSignal) => Promise<void>;
  /** Of the plugin. */
  signal: AbortSignal;
}

export interface Link {
  /** Throws `ONVIF_OFFLINE` while the camera is away. */
  session(): Session;
  /** `undefined` while the camera is away. */
  peek(): Session | undefined;
  /** Throws `ONVIF_UNSUPPORTED`, too, when it does not move. */
  ptz(): Ptz;
  /** Resolves when, after the plugin's end, the camera was told. */
  readonly ended: Promise<void>;
}

const maxRetryMs = 60_000;
const maxRefusedMs = 300_000;

export function keepUp({ camera, options, host, presence, meanwhile, signal }: KeepUpOptions): Link {
  const { title } = camera;
  let current: { session: Session; end: AbortController } | undefined;
  let lastAnswerMs = 0;
  let failures = 0;
  let dueMs = Number.NEGATIVE_INFINITY;
  let reason = "it was not reached yet";
  let working: Promise<void> | undefined;
  let following: Promise<void> = Promise.resolve();
  const ended = Promise.withResolvers<void>();
  const nowMs = (): number => host.clock.monotonicMs();
  const answered = (): void => {
    lastAnswerMs = nowMs();
  };

  async function lost(error: unknown): Promise<void> {
    if (signal.aborted) return;
    current?.end.abort(error);
    current = undefined;
    reason = messageOf(error);
    const most = isUmecError(error, "ONVIF_UNAUTHORIZED") ? maxRefusedMs : maxRetryMs;
    dueMs = nowMs() + Math.min(Math.max(most, options.retryMs), options.retryMs * 2 ** failures) - 1;
    failures += 1;
    await presence.away(error);
  }

  async function tellClock(): Promise<void> {
    if (camera.offsetMs === undefined) return;
    const value = Math.round(camera.offsetMs) / 1000;
    await presence.tell([{ name: "clock-offset", value, unit: "s", lane: "telemetry" }]);
  }

  async function connect(): Promise<void> {
    const session = await camera.connect(signal);
    const end = new AbortController();
    current = { session, end };
    failures = 0;
    answered();
    await presence.back();
    const { encoding = "no video", width, height, name } = session.profile;
    host.log.info(`${title}: profile ${name}, ${encoding}${width ? ` ${width}×${height}` : ""}`);
    const information = Object.entries(session.information);
    // What it is does not turn bad when it is away: so these are not told as states.
    if (information.length > 0) {
      await host.emit(
        information.map(([key, value]) => ({ name: `info/${key}`, value: value.slice(0, 500) })),
      );
    }
    await tellClock();
    const during = AbortSignal.any([end.signal, signal]);
    if (options.events.enabled) follow(session, during);
    meanwhile(session, during).catch((error: unknown) => {
      if (!during.aborted) host.log.error(`${title}: ${messageOf(error)}`);
    });
  }

  function follow({ services }: Session, during: AbortSignal): void {
    if (services.events === undefined) {
      host.log.warn(`${title} has no events`);
      return;
    }
    const { waitMs, lifeMs, others, points = usualPoints } = options.events;
    following = followEvents({
      soap: camera.soap,
      address: services.events,
      host,
      title,
      waitMs,
      lifeMs,
      timeoutMs: options.timeoutMs,
      retryMs: options.retryMs,
      signal: during,
      answered,
      async take(events) {
        const samples = events.flatMap((event) =>
          samplesOf(event, points, others).map(
            (sample): EventSample => ({ ...sample, ...sampleTime(event, camera.offsetMs, host.clock) }),
          ),
        );
        await presence.tell(samples).catch((error: unknown) => {
          if (!during.aborted) host.log.warn(`${title}: events were not stored: ${messageOf(error)}`);
        });
      },
      trouble: () => void work(true),
    }).catch((error: unknown) => host.log.error(`${title}: events ended: ${messageOf(error)}`));
  }

  async function once(urgent: boolean): Promise<void> {
    try {
      if (!current) {
        if (nowMs() >= dueMs) await connect();
        return;
      }
      if (!urgent && nowMs() - lastAnswerMs < options.checkMs) return;
      await camera.check(signal);
      answered();
      await tellClock();
    } catch (error) {
      if (signal.aborted) return;
      if (!isUmecError(error)) throw error;
      await lost(error);
    }
  }

  /** One at a time: who comes while it works waits for the same. */
  function work(urgent: boolean): Promise<void> {
    working ??= once(urgent)
      .catch((error: unknown) => host.log.warn(`${title}: ${messageOf(error)}`))
      .finally(() => {
        working = undefined;
      });
    return working;
  }

  host.scheduler.every(Math.min(options.retryMs, options.checkMs), () => work(false));
  const finish = (): void => void following.then(ended.resolve);
  if (signal.aborted) finish();
  else signal.addEventListener("abort", finish, { once: true });

  const session = (): Session => {
    if (current) return current.session;
    throw new UmecError("ONVIF_OFFLINE", `${title} is away: ${reason}`);
  };
  return {
    session,
    peek: () => current?.session,
    ptz() {
      const { ptz } = session();
      if (ptz) return ptz;
      throw new UmecError("ONVIF_UNSUPPORTED", `${title} has no PTZ service`);
    },
    ended: ended.promise,
  };
}
