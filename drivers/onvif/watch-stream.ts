import { type Host, isUmecError, messageOf } from "../../runtime/plugin/sdk.ts";
import type { Camera, Session } from "./camera.ts";
import type { OnvifOptions } from "./options.ts";
import { lookAtStream, type StreamLook } from "./stream.ts";
import type { EventSample } from "./topics.ts";

export interface WatchStreamOptions {
  camera: Camera;
  options: OnvifOptions["stream"];
  host: Host;
  tell: (samples: readonly EventSample[]) => Promise<void>;
}

/** Gives what looks at the stream, while the camera is there, at once and then at the interval. */
export function watchStream({
  camera,
  options: { intervalMs, watchMs },
  host,
  tell,
}: WatchStreamOptions): (session: Session, during: AbortSignal) => Promise<void> {
  let flowing: boolean | undefined;

  async function become(now: boolean, reason: string): Promise<void> {
    if (flowing === now) return;
    flowing = now;
    if (!now) host.log.warn(`${camera.title}: the stream does not flow: ${reason}`);
    await tell([{ name: "stream/online", value: now, lane: "alarm" }]);
  }

  async function look(current: Session, signal: AbortSignal): Promise<void> {
    try {
      const uri = await current.streamUri(signal);
      const found = await lookAtStream({ ...camera.streamOptions, uri, watchMs, signal });
      await tell(samplesOf(found));
      await become(found.received > 0, `no packet within ${watchMs} ms`);
    } catch (error) {
      if (signal.aborted || !isUmecError(error)) throw error;
      const reason = messageOf(error).slice(0, 200);
      const bad = { value: null, quality: "bad", reason, lane: "telemetry" } as const;
      await tell(["answer", "packets", "lost"].map((name) => ({ name: `stream/${name}`, ...bad })));
      await become(false, reason);
    }
  }

  return async (session, during) => {
    if (intervalMs === 0) return;
    // What was told before turned bad with the camera's absence.
    flowing = undefined;
    while (!during.aborted) {
      await look(session, during);
      await host.scheduler.sleep(intervalMs, during);
    }
  };
}

function samplesOf({ answerMs, media, received, lost }: StreamLook): EventSample[] {
  const codec = (kind: string): EventSample[] => {
    const found = media.find((each) => each.kind === kind);
    return found ? [{ name: `stream/${kind}`, value: found.codec.slice(0, 60), lane: "telemetry" }] : [];
  };
  return [
    { name: "stream/answer", value: Math.round(answerMs * 10) / 10, unit: "ms", lane: "telemetry" },
    ...codec("video"),
    ...codec("audio"),
    { name: "stream/packets", value: received, unit: "count", lane: "telemetry" },
    { name: "stream/lost", value: lost, unit: "count", lane: "telemetry" },
  ];
}
