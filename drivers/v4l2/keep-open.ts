/**
 * Keeps a camera at hand: opens it, notices when it goes, and opens it again when it is back.
 *
 * Nothing is asked again and again while a camera is there: that its device file goes is told by the kernel
 * (`FrameSource.watch`), and so is that one comes. For what is not told, such as another program that lets go of the
 * camera, there is a try every `retryMs` while there is none.
 */
import { type Host, isUmecError, messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import { goneError } from "./errors.ts";
import type { Feed } from "./feed.ts";
import type { Camera, CaptureSettings, FrameSource } from "./hardware.ts";

export interface KeepOpenParts {
  source: FrameSource;
  settings: CaptureSettings;
  /** What its controls are set to each time that it was opened. */
  controls: Readonly<Record<string, number>>;
  feed: Feed;
  host: Pick<Host, "log" | "emit">;
  /** Told of the camera that is there, or why there is none. */
  onChange: (now: Camera | UmecError) => void;
  /** @default 5_000 */
  retryMs?: number;
}

/** Works until the signal aborts. */
export async function keepOpen(parts: KeepOpenParts, signal: AbortSignal): Promise<void> {
  const { source, feed, host, onChange, retryMs = 5000 } = parts;
  let online: boolean | undefined;
  let lastReason = "";

  async function tell(now: boolean): Promise<void> {
    if (online === now || signal.aborted) return;
    online = now;
    await host.emit([{ name: "camera/online", value: now }], { lane: "alarm" });
  }

  async function lost(error: UmecError): Promise<void> {
    onChange(error);
    // The same reason at each try is one line.
    if (lastReason !== error.message) {
      host.log.warn(`${error.code}: ${error.message}${error.hint === undefined ? "" : `; ${error.hint}`}`);
    }
    lastReason = error.message;
    await tell(false);
  }

  /** Resolves with the reason when the camera is gone, or when the signal aborts. */
  async function use(camera: Camera, changes: Changes): Promise<UmecError | undefined> {
    const over = new AbortController();
    let broken: UmecError | undefined;
    feed.attach(camera, (error) => {
      broken = error;
      over.abort();
    });
    if (broken) return broken;
    lastReason = "";
    host.log.info(describe(camera));
    onChange(camera);
    await tell(true);
    while (!signal.aborted && !broken) {
      await changes.next(AbortSignal.any([signal, over.signal]));
      if (!broken && !(await source.present(camera.path))) return goneError(camera.path);
    }
    return broken;
  }

  async function once(changes: Changes): Promise<UmecError | undefined> {
    const camera = await source.open(parts.settings);
    try {
      setControls(camera, parts.controls, host);
      return await use(camera, changes);
    } finally {
      feed.detach(goneError(camera.path));
      camera.close();
    }
  }

  const changes = watchChanges(source);
  try {
    while (!signal.aborted) {
      const error = await once(changes).catch((cause: unknown) =>
        isUmecError(cause) ? cause : new UmecError("V4L2_FAULT", messageOf(cause), { cause }),
      );
      if (signal.aborted || !error) break;
      feed.detach(error);
      await lost(error);
      await changes.next(AbortSignal.any([signal, AbortSignal.timeout(retryMs)]));
    }
  } finally {
    changes.end();
  }
}

interface Changes {
  /** Resolves when something has changed since the last call, or the signal aborts. */
  next(signal: AbortSignal): Promise<void>;
  end(): void;
}

function watchChanges(source: FrameSource): Changes {
  let changed = Promise.withResolvers<void>();
  const end = source.watch(() => changed.resolve());
  return {
    async next(signal) {
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      const abort = (): void => resolve();
      signal.addEventListener("abort", abort, { once: true });
      if (signal.aborted) resolve();
      await Promise.race([changed.promise.then(renew), aborted]);
      signal.removeEventListener("abort", abort);
    },
    end,
  };

  function renew(): void {
    changed = Promise.withResolvers();
  }
}

/** One that it does not take is no reason to do without the camera. */
function setControls(
  camera: Camera,
  controls: Readonly<Record<string, number>>,
  { log }: Pick<Host, "log">,
): void {
  for (const [name, value] of Object.entries(controls)) {
    try {
      camera.setControl(name, value);
    } catch (error) {
      if (!isUmecError(error, "V4L2_CONTROL")) throw error;
      log.warn(`${error.message}${error.hint === undefined ? "" : `; ${error.hint}`}`);
    }
  }
}

function describe({ path, card, format }: Camera): string {
  const { width, height, framesPerSecond } = format;
  const rate = framesPerSecond === undefined ? "" : `, ${Math.round(framesPerSecond * 100) / 100} frames/s`;
  return `${path} is ${card}: ${format.format} ${width}x${height}${rate}`;
}
